//! Compliance packs as data and the gate that no contact gets past.

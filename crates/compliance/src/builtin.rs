//! The packs that are built in. A new pack is a file in `packs/` and a line here.

/// Name and text of each pack, law before house.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("cn.yaml", include_str!("../packs/cn.yaml")),
    ("tw.yaml", include_str!("../packs/tw.yaml")),
    ("us-fed.yaml", include_str!("../packs/us-fed.yaml")),
    ("house.yaml", include_str!("../packs/house.yaml")),
];

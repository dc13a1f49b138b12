//! One pure step: policy, then gate.

//! The packs that are built in. A new pack is a file in `packs/` and a line here.

/// Name and text of each pack, law before house.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("cn.yaml", include_str!("../packs/cn.yaml")),
    ("tw.yaml", include_str!("../packs/tw.yaml")),
    ("us-fed.yaml", include_str!("../packs/us-fed.yaml")),
    ("us-ma.yaml", include_str!("../packs/us-ma.yaml")),
    ("us-wa.yaml", include_str!("../packs/us-wa.yaml")),
    ("us-ca.yaml", include_str!("../packs/us-ca.yaml")),
    ("us-nyc.yaml", include_str!("../packs/us-nyc.yaml")),
    ("in.yaml", include_str!("../packs/in.yaml")),
    ("uk.yaml", include_str!("../packs/uk.yaml")),
    ("eu.yaml", include_str!("../packs/eu.yaml")),
    ("id.yaml", include_str!("../packs/id.yaml")),
    ("vn.yaml", include_str!("../packs/vn.yaml")),
    ("ph.yaml", include_str!("../packs/ph.yaml")),
    ("br-sp.yaml", include_str!("../packs/br-sp.yaml")),
    ("ru.yaml", include_str!("../packs/ru.yaml")),
    ("house.yaml", include_str!("../packs/house.yaml")),
];

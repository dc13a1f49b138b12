//! The time zones a region can mean. Where a region has several, all of them are candidates: contact is
//! lawful only where it is lawful in every one. Facts of the IANA tz database.

/// Candidate zones of a region such as `CN`, `US` or `US-TX`; none for a region not known here. An unknown
/// subdivision of a known country means the whole country.
#[must_use]
pub fn zones_of(region: &str) -> Option<&'static [&'static str]> {
    let find = |wanted: &str| {
        TABLE
            .iter()
            .find(|(region, _)| *region == wanted)
            .map(|(_, zones)| *zones)
    };
    find(region).or_else(|| {
        region
            .split_once('-')
            .and_then(|(country, _)| find(country))
    })
}

/// Parts of the countries whose parts packs speak of, by ISO 3166-2. China's are known by their letters and by the
/// numbers of GB/T 2260 that stood there before. A country that is not here has parts that nobody checks.
const PARTS: &[(&str, &str)] = &[
    (
        "US",
        "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND \
         OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY AS GU MP PR UM VI",
    ),
    (
        "CN",
        "AH BJ CQ FJ GD GS GX GZ HA HB HE HI HK HL HN JL JS JX LN MO NM NX QH SC SD SH SN SX TJ TW XJ XZ YN ZJ \
         11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 91 92",
    ),
    (
        "TW",
        "CHA CYI CYQ HSQ HSZ HUA ILA KEE KHH KIN LIE MIA NAN NWT PEN PIF TAO TNN TPE TTT TXG YUN",
    ),
];

/// Whether a region such as `US-ZZ` is surely none: its country's parts are known here, and it is not one of them.
#[must_use]
pub fn is_no_part(region: &str) -> bool {
    let Some((country, part)) = region.split_once('-') else {
        return false;
    };
    let parts = PARTS.iter().find(|(known, _)| *known == country);
    parts.is_some_and(|(_, parts)| !parts.split_ascii_whitespace().any(|p| p == part))
}

/// The countries of ISO 3166-1, by their two letters.
const COUNTRIES: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA \
    CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA \
    GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP \
    KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS \
    MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS \
    RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW \
    TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// Whether no country has the code with which a region such as `XX-ZZ` begins.
#[must_use]
pub fn is_no_country(region: &str) -> bool {
    let country = region.split('-').next().unwrap_or(region);
    !COUNTRIES.split_ascii_whitespace().any(|c| c == country)
}

const EASTERN: &[&str] = &["America/New_York"];
const CENTRAL: &[&str] = &["America/Chicago"];
const MOUNTAIN: &[&str] = &["America/Denver"];
const PACIFIC: &[&str] = &["America/Los_Angeles"];
const EASTERN_CENTRAL: &[&str] = &["America/New_York", "America/Chicago"];
const CENTRAL_MOUNTAIN: &[&str] = &["America/Chicago", "America/Denver"];

const TABLE: &[(&str, &[&str])] = &[
    ("CN", &["Asia/Shanghai"]),
    ("TW", &["Asia/Taipei"]),
    ("HK", &["Asia/Hong_Kong"]),
    ("IN", &["Asia/Kolkata"]),
    ("VN", &["Asia/Ho_Chi_Minh"]),
    ("PH", &["Asia/Manila"]),
    ("ID", &["Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"]),
    ("GB", &["Europe/London"]),
    (
        "US",
        &[
            "America/New_York",
            "America/Chicago",
            "America/Denver",
            "America/Phoenix",
            "America/Los_Angeles",
            "America/Anchorage",
            "Pacific/Honolulu",
        ],
    ),
    ("US-AL", CENTRAL),
    ("US-AK", &["America/Anchorage", "America/Adak"]),
    ("US-AZ", &["America/Phoenix", "America/Denver"]),
    ("US-AR", CENTRAL),
    ("US-CA", PACIFIC),
    ("US-CO", MOUNTAIN),
    ("US-CT", EASTERN),
    ("US-DE", EASTERN),
    ("US-DC", EASTERN),
    ("US-FL", EASTERN_CENTRAL),
    ("US-GA", EASTERN),
    ("US-HI", &["Pacific/Honolulu"]),
    ("US-ID", &["America/Boise", "America/Los_Angeles"]),
    ("US-IL", CENTRAL),
    ("US-IN", EASTERN_CENTRAL),
    ("US-IA", CENTRAL),
    ("US-KS", CENTRAL_MOUNTAIN),
    ("US-KY", EASTERN_CENTRAL),
    ("US-LA", CENTRAL),
    ("US-ME", EASTERN),
    ("US-MD", EASTERN),
    ("US-MA", EASTERN),
    ("US-MI", EASTERN_CENTRAL),
    ("US-MN", CENTRAL),
    ("US-MS", CENTRAL),
    ("US-MO", CENTRAL),
    ("US-MT", MOUNTAIN),
    ("US-NE", CENTRAL_MOUNTAIN),
    ("US-NV", &["America/Los_Angeles", "America/Denver"]),
    ("US-NH", EASTERN),
    ("US-NJ", EASTERN),
    ("US-NM", MOUNTAIN),
    ("US-NY", EASTERN),
    ("US-NC", EASTERN),
    ("US-ND", CENTRAL_MOUNTAIN),
    ("US-OH", EASTERN),
    ("US-OK", CENTRAL),
    ("US-OR", &["America/Los_Angeles", "America/Boise"]),
    ("US-PA", EASTERN),
    ("US-RI", EASTERN),
    ("US-SC", EASTERN),
    ("US-SD", CENTRAL_MOUNTAIN),
    ("US-TN", EASTERN_CENTRAL),
    ("US-TX", CENTRAL_MOUNTAIN),
    ("US-UT", MOUNTAIN),
    ("US-VT", EASTERN),
    ("US-VA", EASTERN),
    ("US-WA", PACIFIC),
    ("US-WV", EASTERN),
    ("US-WI", CENTRAL),
    ("US-WY", MOUNTAIN),
    // The territories lie outside the zones of the states: night there is day in all of them.
    ("US-AS", &["Pacific/Pago_Pago"]),
    ("US-GU", &["Pacific/Guam"]),
    ("US-MP", &["Pacific/Saipan"]),
    ("US-PR", &["America/Puerto_Rico"]),
    ("US-UM", &["Pacific/Wake", "Pacific/Midway"]),
    ("US-VI", &["America/St_Thomas"]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Zone;

    #[test]
    fn a_part_of_a_known_country_is_one_of_its_parts() {
        for no_part in ["US-ZZ", "CN-ZZ", "TW-ZZZ", "US-", "CN-99"] {
            assert!(is_no_part(no_part), "{no_part}");
        }
        for part in ["US", "US-MA", "CN-SH", "CN-31", "TW-TPE", "DE-ZZ", "ZZ"] {
            assert!(!is_no_part(part), "{part}");
        }
        let parts = |country: &str| {
            let found = PARTS.iter().find(|(known, _)| *known == country);
            found.expect("a country").1.split_ascii_whitespace().count()
        };
        assert_eq!((parts("US"), parts("CN"), parts("TW")), (57, 34 + 36, 22));
        for (region, _) in TABLE {
            assert!(!is_no_part(region), "{region}");
        }
    }

    #[test]
    fn every_zone_named_here_exists() {
        for (region, zones) in TABLE {
            assert!(!zones.is_empty(), "{region}");
            for zone in *zones {
                assert!(Zone::new(zone).is_ok(), "{region}: {zone}");
            }
        }
    }

    #[test]
    fn each_part_of_the_united_states_has_zones_of_its_own() {
        let (_, parts) = PARTS.iter().find(|(known, _)| *known == "US").unwrap();
        for part in parts.split_ascii_whitespace() {
            let region = format!("US-{part}");
            assert!(TABLE.iter().any(|(known, _)| *known == region), "{region}");
        }
        // Eight in the morning on Guam is ten at night of the day before, UTC.
        let guam = Zone::new(zones_of("US-GU").unwrap()[0]).unwrap();
        let morning = guam.instant(jiff::civil::date(2026, 1, 2), jiff::civil::time(8, 0, 0, 0));
        assert_eq!(morning, "2026-01-01T22:00:00Z".parse().unwrap());
    }

    #[test]
    fn an_unknown_part_means_the_whole_country() {
        assert_eq!(zones_of("CN-SH"), zones_of("CN"));
        assert_eq!(zones_of("US-ZZ").map(<[_]>::len), Some(7));
        assert_eq!(zones_of("XX"), None);
    }

    #[test]
    fn a_region_begins_with_the_code_of_a_country() {
        assert_eq!(COUNTRIES.split_ascii_whitespace().count(), 249);
        for region in ["CN", "US-MA", "GB", "IN", "ZW", "US-NY-NYC"] {
            assert!(!is_no_country(region), "{region}");
        }
        for region in ["XX", "XX-ZZ", "", "*", "UK", "C", "cn"] {
            assert!(is_no_country(region), "{region}");
        }
        for (region, _) in TABLE {
            assert!(!is_no_country(region), "{region}");
        }
    }
}

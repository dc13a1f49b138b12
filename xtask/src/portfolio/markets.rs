//! The markets of the made-up portfolio, with names, streets and numbers that nobody has.

/// One market.
pub(super) struct Market {
    /// Beginning of its references.
    pub(super) prefix: &'static str,
    /// Its part of the borrowers; all parts together are 100.
    pub(super) share: u64,
    /// Regions its borrowers live in.
    pub(super) regions: &'static [&'static str],
    /// Borrowers of a hundred that are micro-businesses.
    pub(super) business_percent: i64,
    /// Who lends.
    pub(super) lender_kind: &'static str,
    /// Currency of the loans.
    pub(super) currency: &'static str,
    /// Amounts, compared with those in China.
    pub(super) scale_percent: i64,
    /// Policy of its cases.
    pub(super) policy: &'static str,
    /// Language of its people.
    pub(super) locale: &'static str,
    /// One word of each makes a name.
    pub(super) names: &'static [&'static [&'static str]],
    /// What stands between the words.
    pub(super) name_join: &'static str,
    /// Streets.
    pub(super) streets: &'static [&'static str],
    /// How an address is written.
    pub(super) address: &'static str,
    /// A mobile number, another one for each place.
    pub(super) mobile: fn(u32) -> String,
}

/// All markets.
pub(super) const MARKETS: [Market; 3] = [
    Market {
        prefix: "CN",
        share: 76,
        regions: &["CN"],
        business_percent: 35,
        lender_kind: "microloan_company",
        currency: "CNY",
        scale_percent: 100,
        policy: "cn-micro",
        locale: "zh-CN",
        names: &[
            &[
                "赵", "钱", "孙", "李", "周", "吴", "郑", "王", "冯", "陈", "褚", "卫", "蒋", "沈",
                "韩", "杨",
            ],
            &["样", "例", "虚", "拟", "假", "设"],
            &["一", "二", "三", "四", "五", "六", "七", "八", "九", "十"],
        ],
        name_join: "",
        streets: &["示例路", "样本街", "虚构大道", "测试巷"],
        address: "示例市 {street} {house} 号",
        // The prefix 154 was never given to a carrier.
        mobile: |place| format!("+86154{place:08}"),
    },
    Market {
        prefix: "TW",
        share: 12,
        regions: &["TW"],
        business_percent: 20,
        lender_kind: "bank",
        currency: "TWD",
        scale_percent: 420,
        policy: "tw-card",
        locale: "zh-TW",
        names: &[
            &["陳", "林", "黃", "張", "李", "王", "吳", "劉", "蔡", "楊"],
            &["範例", "虛構", "樣本", "假名"],
            &["一", "二", "三", "四", "五", "六", "七", "八", "九", "十"],
        ],
        name_join: "",
        streets: &["示範路", "測試街", "假想大道"],
        address: "範例市 {street} {house} 號",
        // Mobile numbers run from 090 to 098; 099 is not in use.
        mobile: |place| format!("+88699{place:07}"),
    },
    Market {
        prefix: "US",
        share: 12,
        regions: &[
            "US-NY", "US-CA", "US-TX", "US-IL", "US-FL", "US-AZ", "US-WA", "US-OH",
        ],
        business_percent: 15,
        lender_kind: "first_party",
        currency: "USD",
        scale_percent: 30,
        policy: "us-consumer",
        locale: "en",
        names: &[
            &[
                "Alex", "Blair", "Casey", "Dana", "Emery", "Frankie", "Harper", "Jordan", "Morgan",
                "Quinn",
            ],
            &[
                "Ashdown", "Birchall", "Copley", "Dunmore", "Fairley", "Garland", "Hollis",
                "Lomax", "Penrose",
            ],
        ],
        name_join: " ",
        streets: &["Example Street", "Sample Avenue", "Fiction Lane"],
        address: "{house} {street}, Anytown",
        // 555-0100 to 555-0199 are set aside for fiction in every area code.
        mobile: |place| format!("+1{}55501{:02}", 200 + place / 100 % 800, place % 100),
    },
];

//! What the descriptors say of each method: roles, whether it is built, its fields, and what the comments
//! promise of them.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{
    DescriptorPool, EnumDescriptor, FieldDescriptor, FileDescriptor, MessageDescriptor, Value,
};

/// Reasons that any call may be answered with, whatever it asks: they are of the way, not of the method.
const OF_THE_WAY: [&str; 4] = [
    "UNAUTHENTICATED",
    "ROLE_MISSING",
    "MESSAGE_TOO_LARGE",
    "NOT_SERVING",
];

/// The contract, read from its descriptors.
pub(crate) struct Contract {
    pub(crate) methods: Vec<Method>,
    comments: BTreeMap<(String, Vec<i32>), String>,
    reasons: EnumDescriptor,
}

/// A method of the contract.
pub(crate) struct Method {
    pub(crate) path: String,
    pub(crate) name: String,
    /// The roles that may call it, such as `lender`.
    pub(crate) roles: BTreeSet<String>,
    pub(crate) preview: bool,
    pub(crate) input: MessageDescriptor,
    pub(crate) output: MessageDescriptor,
    /// The reasons that its comment and that of its service name.
    pub(crate) reasons: BTreeSet<String>,
}

impl Method {
    /// Whether it changes something.
    pub(crate) fn is_mutation(&self) -> bool {
        self.input.get_field_by_name("request_id").is_some()
    }
}

impl Contract {
    pub(crate) fn read() -> Self {
        let pool = DescriptorPool::decode(recoup::api::FILE_DESCRIPTOR_SET).expect("descriptors");
        let mut comments = BTreeMap::new();
        for file in pool.files() {
            note_comments(&file, &mut comments);
        }
        let reasons = pool.get_enum_by_name("recoup.v1.ErrorReason");
        let mut contract = Self {
            methods: Vec::new(),
            comments,
            reasons: reasons.expect("the reasons"),
        };
        let methods = pool
            .services()
            .filter(|s| s.package_name() == "recoup.v1")
            .flat_map(|s| s.methods().collect::<Vec<_>>());
        contract.methods = methods.map(|m| contract.method(&pool, &m)).collect();
        contract
    }

    fn method(&self, pool: &DescriptorPool, m: &prost_reflect::MethodDescriptor) -> Method {
        let service = m.parent_service();
        let option = |name: &str| {
            let extension = pool.get_extension_by_name(name).expect("the option");
            m.options().get_extension(&extension).into_owned()
        };
        let role = pool.get_enum_by_name("recoup.v1.Role").expect("the roles");
        let role_name = |v: &Value| {
            let value = role.get_value(v.as_enum_number()?)?;
            let name = value.name().strip_prefix("ROLE_")?.to_lowercase();
            (name != "unspecified").then_some(name)
        };
        let roles = option("recoup.v1.role");
        let roles = roles.as_list().unwrap_or_default().iter();
        let file = service.parent_file();
        let said = [
            self.comment(&file, service.path()),
            self.comment(&file, m.path()),
        ]
        .concat();
        let words = said.split(|c: char| !c.is_ascii_uppercase() && c != '_');
        let mut reasons: BTreeSet<String> = words
            .filter(|w| self.code_of(w).is_some())
            .map(str::to_owned)
            .collect();
        reasons.extend(OF_THE_WAY.map(str::to_owned));
        Method {
            path: format!("/{}/{}", service.full_name(), m.name()),
            name: m.name().to_owned(),
            roles: roles.filter_map(role_name).collect(),
            preview: option("recoup.v1.preview") == Value::Bool(true),
            input: m.input(),
            output: m.output(),
            reasons,
        }
    }

    /// A method by its name, which is unique.
    pub(crate) fn named(&self, name: &str) -> &Method {
        let found = self.methods.iter().find(|m| m.name == name);
        found.unwrap_or_else(|| panic!("no method {name}"))
    }

    fn comment(&self, file: &FileDescriptor, path: &[i32]) -> String {
        let key = (file.name().to_owned(), path.to_vec());
        self.comments.get(&key).cloned().unwrap_or_default()
    }

    /// What the contract says of a field.
    pub(crate) fn said_of(&self, field: &FieldDescriptor) -> String {
        self.comment(&field.parent_file(), field.path())
    }

    /// The code that goes with a reason, as its comment has it; none where there is no such reason.
    pub(crate) fn code_of(&self, reason: &str) -> Option<String> {
        let value = self
            .reasons
            .get_value_by_name(&format!("ERROR_REASON_{reason}"))?;
        let said = self.comment(&self.reasons.parent_file(), value.path());
        let (code, _) = said.split_once(':')?;
        Some(code.trim().to_owned())
    }
}

fn note_comments(file: &FileDescriptor, to: &mut BTreeMap<(String, Vec<i32>), String>) {
    let info = file.file_descriptor_proto().source_code_info.clone();
    for location in info.unwrap_or_default().location {
        let text = location.leading_comments.unwrap_or_default();
        let text = text.replace('\n', " ");
        to.insert((file.name().to_owned(), location.path), text);
    }
}

/// Whether a comment says that a caller must give the field.
pub(crate) fn is_required(said: &str) -> bool {
    [
        "; required.",
        ", required.",
        "; required,",
        "; required in ",
        "Required,",
    ]
    .iter()
    .any(|words| said.contains(words))
        && !said.contains("; required where")
}

/// Whether a comment says that the server alone writes the field.
pub(crate) fn is_output(said: &str) -> bool {
    said.contains("output only")
}

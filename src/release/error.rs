//! Why something about publishing is refused: one table of names, in both languages.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::state::{Action, State, hint};
use crate::database::shared::{ApplyError, LockError, StoreError};
use crate::repository::RepositoryError;

/// What kind of refusal it is; each has a status in HTTP and an exit code in the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request makes no sense.
    Invalid,
    /// The package is not what it must be.
    Package,
    /// Nobody is known by these credentials.
    Unknown,
    /// Somebody is known, and may not do it.
    Denied,
    /// There is no such thing.
    NotFound,
    /// There is such a thing already.
    Exists,
    /// It is not possible in the state that the thing is in.
    State,
    /// It is no longer what the one who asks has seen.
    Changed,
    /// It is more than is taken.
    TooLarge,
    /// The repository cannot be reached, or does not do what it must.
    Repository,
    /// Something of ours or of the system failed.
    Failed,
}

/// A refusal.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ReleaseError {
    /// What kind it is.
    pub kind: Kind,
    /// The name that programs know it by, OpenPitrix's where it has one.
    pub name: &'static str,
    /// What is wrong with which thing, and what to do about it.
    pub message: String,
    /// Likewise in Chinese.
    pub message_zh: String,
    /// More, for programs.
    pub details: Box<Value>,
}

impl ReleaseError {
    /// A refusal.
    pub fn new(
        kind: Kind,
        name: &'static str,
        message: impl Into<String>,
        message_zh: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            name,
            message: message.into(),
            message_zh: message_zh.into(),
            details: Box::new(Value::Null),
        }
    }

    /// With more for programs.
    #[must_use]
    pub fn with(mut self, details: Value) -> Self {
        *self.details = details;
        self
    }

    /// There is no such thing.
    pub fn not_found(what: &str, what_zh: &str, id: &str) -> Self {
        let id: String = id.escape_debug().take(100).collect();
        Self::new(
            Kind::NotFound,
            "resource_not_found",
            format!("there is no {what} `{id}`; the list of them tells which there are"),
            format!("{what_zh} `{id}` 不存在"),
        )
    }

    /// A parameter that is needed is not there.
    pub fn missing(parameter: &str) -> Self {
        Self::new(
            Kind::Invalid,
            "missing_parameter",
            format!("`{parameter}` is missing; send it"),
            format!("缺少参数 `{parameter}`"),
        )
    }

    /// A parameter makes no sense.
    pub fn parameter(parameter: &str, reason: &str) -> Self {
        Self::new(
            Kind::Invalid,
            "illegal_parameter",
            format!("`{parameter}` cannot be used: {reason}"),
            format!("参数 `{parameter}` 无效: {reason}"),
        )
    }

    /// Somebody may not do it.
    pub fn denied(what: &str, what_zh: &str) -> Self {
        Self::new(
            Kind::Denied,
            "permission_denied",
            format!("you may not {what}; ask an administrator of this store"),
            format!("您没有权限{what_zh}，请联系管理员"),
        )
    }

    /// The version is in a state in which this cannot be done.
    pub fn status(version_id: &str, state: State, action: Action) -> Self {
        let hint = hint(state, action);
        let more = if hint.is_empty() {
            String::new()
        } else {
            format!(": {hint}")
        };
        let zh = match (action, state) {
            (Action::Delete, State::Active) => "：已上架的版本须先由管理员下架",
            (Action::Delete, State::Submitted | State::InReview) => "：请先撤回提交",
            (Action::Modify, State::Active | State::Suspended) => "：已发布的版本不可修改",
            _ => "",
        };
        Self::new(
            Kind::State,
            "app_version_incorrect_status",
            format!(
                "app version [{version_id}] has incorrect status [{state}], cannot execute the current action `{action}`{more}"
            ),
            format!(
                "应用版本 [{version_id}] 的状态 [{}] 不允许执行该操作{zh}",
                state_zh(state)
            ),
        )
        .with(json!({ "status": state, "action": action, "hint": hint }))
    }

    /// The version has another package by now than the one who asks has seen.
    pub fn changed(version_id: &str) -> Self {
        Self::new(
            Kind::Changed,
            "precondition_failed",
            format!(
                "version [{version_id}] has another package by now than the one that `If-Match` names; look at it again"
            ),
            "应用版本的配置包已被修改，请重新查看",
        )
    }

    /// An app of this name is there.
    pub fn name_exists(name: &str) -> Self {
        Self::new(
            Kind::Exists,
            "app_name_exists",
            format!(
                "the repository has an app `{name}` already; upload a new version of it, or give the app another name"
            ),
            "应用名称已存在",
        )
    }

    /// A version of this number is there.
    pub fn version_exists(version: &str) -> Self {
        Self::new(
            Kind::Exists,
            "app_version_exists",
            format!("the app has a version `{version}` already; give this one another number"),
            "应用版本已存在",
        )
    }

    /// The package bears another name than the app.
    pub fn other_name(app: &str, package: &str) -> Self {
        Self::new(
            Kind::Invalid,
            "cannot_change_app_name",
            format!(
                "the package is one of `{package}`, the app is `{app}`; a version keeps the name of its app"
            ),
            "不能修改应用名称",
        )
    }

    /// The package is not what it must be; each file with its reason.
    pub fn package(details: &[(String, String)]) -> Self {
        let reasons: Vec<String> = details
            .iter()
            .map(|(file, reason)| {
                if file.is_empty() {
                    reason.clone()
                } else {
                    format!("{file}: {reason}")
                }
            })
            .collect();
        let mut by_file: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (file, reason) in details {
            by_file.entry(file).or_default().push(reason);
        }
        let files: serde_json::Map<String, Value> = by_file
            .into_iter()
            .map(|(file, reasons)| (file.to_owned(), reasons.join("\n").into()))
            .collect();
        Self::new(
            Kind::Package,
            "load_package_failed",
            format!(
                "the package cannot be taken: {}; correct it and pack it again",
                reasons.join("; ")
            ),
            format!("配置包无效: {}", reasons.join("; ")),
        )
        .with(json!({ "error_details": files }))
    }
}

/// The word of a state for people.
pub(super) fn state_zh(state: State) -> &'static str {
    match state {
        State::Draft => "待提交",
        State::Submitted => "已提交",
        State::InReview => "审核中",
        State::Passed => "已通过",
        State::Rejected => "已拒绝",
        State::Active => "已上架",
        State::Suspended => "已下架",
        State::Deleted => "已删除",
    }
}

impl From<StoreError> for ReleaseError {
    fn from(error: StoreError) -> Self {
        Self::new(
            Kind::Failed,
            "internal_error",
            error.to_string(),
            format!("数据库错误: {error}"),
        )
    }
}

impl From<LockError> for ReleaseError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Store(error) => error.into(),
            LockError::Busy => Self::new(
                Kind::State,
                "try_again",
                "somebody else is at the same version or package just now; try again in a moment",
                "他人正在操作同一版本或配置包，请稍后重试",
            ),
        }
    }
}

impl From<ApplyError> for ReleaseError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Store(error) => error.into(),
            ApplyError::Refused(name) => Self::new(
                Kind::State,
                name,
                format!("somebody else changed it at the same moment ({name}); look again"),
                "数据已被他人修改，请刷新后重试",
            ),
        }
    }
}

impl From<RepositoryError> for ReleaseError {
    fn from(error: RepositoryError) -> Self {
        if let RepositoryError::Package { details, .. } = &error {
            return Self::package(details);
        }
        let name = error.name();
        let kind = {
            use RepositoryError as It;
            match &error {
                It::Name(_) | It::Address { .. } | It::Credential { .. } => Kind::Invalid,
                It::Unknown(_) | It::NoVersion { .. } => Kind::NotFound,
                It::NameTaken(_)
                | It::AddressTaken { .. }
                | It::VersionTaken { .. }
                | It::Uploading { .. } => Kind::Exists,
                It::BuiltIn(_) => Kind::Denied,
                It::Busy(_) | It::ReadOnly(_) => Kind::State,
                It::Unusable { .. } | It::Package { .. } | It::Archive(_) => Kind::Package,
                It::Unreadable { .. }
                | It::Unwritable { .. }
                | It::Oversized { .. }
                | It::Index { .. }
                | It::Mismatch { .. }
                | It::Download(_) => Kind::Repository,
                It::Contended(_) | It::File { .. } | It::Database(_) => Kind::Failed,
            }
        };
        let message = error.to_string();
        let zh = match name {
            "app_version_exists" => "应用版本已存在".to_owned(),
            "conflict_repo_name" => "仓库名称已存在".to_owned(),
            _ => format!("仓库错误: {message}"),
        };
        Self::new(kind, name, message, zh).with(json!({ "error_code": error.code() }))
    }
}

//! Explanations in simplified Chinese. Names that people configure or that interfaces use (stages, channels, rules,
//! ids) stay as they are; instants too, so that both languages can be laid side by side. What people and channels wrote,
//! and what a text lacks, is quoted as it was recorded.

use super::line::{Line, Standing, ends};
use crate::clock_guard::Trouble;
use jiff::SignedDuration;
use recoup_decide::StepSaid;
use recoup_domain::case::{CloseReason, PauseReason, SkipReason, Status, WorklistReason};
use recoup_domain::contact::ContactClass;
use recoup_domain::outcome::Outcome;

pub(super) fn line(line: &Line) -> String {
    match line {
        Line::AsOf {
            at,
            status: s,
            corrected,
        } => {
            let known = if *corrected {
                "（计入其后获知的事实）"
            } else {
                ""
            };
            format!("截至 {at}{known}，案件状态：{}。", status(*s))
        }
        Line::Policy {
            pin: (name, version),
            since,
            before,
        } => {
            let before = before.as_ref();
            let before = before.map(|(name, version)| format!("；此前为 {name}@{version}"));
            let before = before.unwrap_or_default();
            format!("自 {since} 起适用策略 {name}@{version}{before}。")
        }
        Line::OtherRules => {
            "最近一次联系作出决定时，生效的规则包或决策程序版本与现在不同；此处按现行版本判断。"
                .to_owned()
        }
        Line::Paused(pause) => {
            let until = match ends(pause) {
                None => "直至有人解除".to_owned(),
                Some(until) => format!("至 {until} 为止"),
            };
            let (reason, owner, since) = (pause_reason(pause.reason), &pause.owner, pause.since);
            format!("案件已暂停（{reason}，{owner} 于 {since} 登记），{until}。")
        }
        Line::Stage(None) => "案件不在任何阶段：没有一个阶段的条件成立。".to_owned(),
        Line::Stage(Some((name, condition))) => {
            format!("案件处于阶段 `{name}`，即条件成立的最后一个阶段：`{condition}`。")
        }
        Line::Closed(reason, at) => format!("案件已于 {at} 结案：{}。", close_reason(*reason)),
        Line::Debt { dpd, overdue, made } => {
            let days = match dpd {
                0 => "今日到期".to_owned(),
                1.. => format!("已逾期 {dpd} 天"),
                _ => format!("距到期日还有 {} 天", dpd.unsigned_abs()),
            };
            format!("{days}；逾期金额：{overdue}；已进行的联系：{made} 次。")
        }
        Line::Step {
            number,
            channel,
            template,
            made: (made, max),
            standing: state,
        } => {
            let state = standing(state);
            format!(
                "第 {number} 步（{channel} `{template}`）：已联系 {made} 次，上限 {max} 次，{state}。"
            )
        }
        Line::Rule {
            rule,
            earliest,
            why,
        } => {
            let when = match (earliest, why) {
                (Some(at), _) => format!("自 {at} 起该规则允许"),
                (None, Some(why)) => why.in_chinese(),
                (None, None) => "等待不能使其成为允许".to_owned(),
            };
            let limit = rule.limit();
            let limit =
                limit.map_or_else(String::new, |l| format!("现行限度：{}；", l.in_chinese()));
            let id = rule.id();
            let citation = rule.citation_in_chinese().unwrap_or(rule.citation());
            let text = rule.text_in_chinese().unwrap_or_else(|| rule.text());
            let text = text.trim_end_matches(['。', '.']);
            format!("  {id}（{citation}）：{text}；{limit}{when}。")
        }
        Line::Lifted { lift, decides } => {
            let counts = if *decides {
                "若无此豁免，该规则会拒绝"
            } else {
                "该规则目前并不构成障碍"
            };
            format!(
                "{} 由 {} 豁免至 {}（{} 提出，{} 于 {} 批准）；{counts}。",
                lift.rule, lift.id, lift.until, lift.proposed_by, lift.approved_by, lift.from
            )
        }
        Line::Held(c) => format!(
            "现在本应进行{}，但因文本缺少必备内容而暂不发出。",
            class(*c)
        ),
        Line::Contact(c, effect) => format!(
            "现在会进行{}，其作用时间在 {} 与 {} 之间。",
            class(*c),
            effect.from,
            effect.to
        ),
        Line::Sleeps(Some(at)) => format!("{at} 之前不采取任何行动。"),
        Line::DecidesAgain => "随即再次判断：此刻记录的内容可能改变结论。".to_owned(),
        Line::Sleeps(None) => "在有新情况发生之前不采取任何行动。".to_owned(),
        Line::Worklist(reason) => format!("需要人工处理：{}。", worklist(reason)),
        Line::Refused { class: c, at, said } => {
            let at = at.map_or_else(String::new, |at| format!("于 {at} "));
            let said = said.as_ref();
            let said = said.map_or_else(|| "无说明".to_owned(), |said| quoted(said));
            format!(
                "最近一次尝试（{}）{at}被拒绝；渠道答复：{said}。",
                class(*c)
            )
        }
        Line::LooksNext { at, goes } => {
            let goes = if *goes { "，届时发出" } else { "" };
            format!("下一次检查该案件的时间为 {at}{goes}。")
        }
        Line::DispatchOff {
            channel,
            by,
            at,
            reason,
        } => {
            let scope = channel.as_ref();
            let scope = scope.map_or_else(String::new, |c| format!("渠道 `{c}` 的"));
            format!(
                "尽管如此，{scope}任何联系都不会发出：{by} 于 {at} 暂停了发送（{}）。",
                quoted(reason)
            )
        }
        Line::NoRoom(room) => format!(
            "磁盘空间足够之前不会发出任何联系：存储所在磁盘剩余 {} MiB，至少需要 {} MiB。",
            room.free_bytes >> 20,
            room.wanted_bytes() >> 20
        ),
        Line::ClockSuspect(trouble) => {
            format!("时钟恢复可信之前不会发出任何联系：{}。", clock(*trouble))
        }
    }
}

pub(super) fn standing(standing: &Standing) -> String {
    match standing {
        Standing::Said(said) => step(said),
        Standing::NotAsked => "未判断".to_owned(),
        Standing::PassedOver(why) => passed_over(why),
        Standing::Held(why) => format!("暂不发出，所缺内容：{}", quoted(why)),
    }
}

fn step(said: &StepSaid) -> String {
    match said {
        StepSaid::UsedUp => "次数已用完".to_owned(),
        StepSaid::NoTurn(when) => format!("不适用：`{when}` 不成立"),
        StepSaid::WaitsForApproval(Some(at)) => format!("等待第二人批准，至 {at} 为止"),
        StepSaid::WaitsForApproval(None) => "等待批准的期限已过".to_owned(),
        StepSaid::Skipped(SkipReason::DeniedForever { rule }) => {
            format!("已跳过：按目前情况 {rule} 永不允许")
        }
        StepSaid::Skipped(why) => passed_over(why),
        StepSaid::WaitsForStepBefore => "等待上一步产生效果".to_owned(),
        StepSaid::Due(at) => format!("应于 {at} 进行"),
        StepSaid::WaitsForChannel(name, at) => {
            format!("等待渠道 `{name}` 加载；将于 {at} 再次判断")
        }
        StepSaid::WaitsForYear(missing, at) => format!(
            "在日历文件 `{}` 补入 {} 年之前不得进行；将于 {at} 再次判断",
            missing.calendar, missing.year
        ),
        StepSaid::Denied(rule) => format!("被 {rule} 拒绝"),
        StepSaid::Goes => "现在进行".to_owned(),
    }
}

fn passed_over(why: &SkipReason) -> String {
    match why {
        SkipReason::NoTarget => "已跳过：没有可用的号码或地址".to_owned(),
        SkipReason::DeniedForever { rule } => format!("已跳过：{rule}"),
        SkipReason::NoChannel => "已跳过：没有加载该名称的渠道".to_owned(),
        SkipReason::RetriesUsedUp => "已跳过：重试次数已用完".to_owned(),
        SkipReason::CalledOff => "已跳过：有人取消了该联系".to_owned(),
        SkipReason::ByOutcome { outcome: o } => format!("已跳过：上次结果为{}", outcome(*o)),
    }
}

fn worklist(reason: &WorklistReason) -> String {
    use WorklistReason as W;
    match reason {
        W::StepsUsedUp { stage } => format!("阶段 `{stage}` 的各步均已用完"),
        W::NoTarget { stage } => {
            format!("借款人没有阶段 `{stage}` 的任何一步可用的号码或地址：请查找，或决定下一步")
        }
        W::NeverMade {
            class: c,
            stage,
            rule,
        } => format!(
            "阶段 `{stage}` 的{}按目前情况永远不能进行：{rule}",
            class(*c)
        ),
        W::WaitsForYear {
            class: c,
            stage,
            calendar,
            year,
            rule,
        } => format!(
            "阶段 `{stage}` 的{}在等待日历年份：日历文件 `{calendar}` 缺少 {year} 年，请按公布的安排补入（{rule}）",
            class(*c)
        ),
        W::AskedByPolicy {
            class: c,
            stage,
            outcome: o,
        } => format!(
            "阶段 `{stage}` 的{}结果为{}：策略要求人工处理",
            class(*c),
            outcome(*o)
        ),
        W::NoStage { policy } => {
            format!("新案件有逾期金额，但策略 {policy} 的任何阶段都不会自行接收它")
        }
        W::StepHeld { why } => {
            format!("一次联系因文本缺少必备内容而暂不发出：{}", quoted(why))
        }
        W::HandHeld { why } => format!(
            "一次人工要求的联系因文本缺少必备内容而未发出：{}",
            quoted(why)
        ),
        W::Undecidable => "无法对该案件作出决定，原因见服务日志".to_owned(),
        W::WroteBack => "借款人有回复，机器无法判断其含义".to_owned(),
        W::OtherWroteBack => "被询问借款人情况的第三人有回复".to_owned(),
        W::CancelInDoubt => "不能确定一次联系是否已被取消".to_owned(),
        W::SendingInDoubt => "一次不应再进行的联系可能已在途中".to_owned(),
        W::Death => "借款人已去世".to_owned(),
        W::DisputeWon => "借款人的争议成立".to_owned(),
    }
}

fn clock(trouble: Trouble) -> String {
    let seconds = |by: SignedDuration| by.unsigned_abs().as_secs();
    match trouble {
        Trouble::Leapt(by) if by.is_negative() => format!("机器时钟被拨慢了 {} 秒", seconds(by)),
        Trouble::Leapt(by) => format!("机器时钟被拨快了 {} 秒", seconds(by)),
        Trouble::Behind(by) => format!("机器时钟比已有记录落后 {} 秒", seconds(by)),
        Trouble::Skewed(by) if by.is_negative() => {
            format!("机器时钟比数据库慢 {} 秒", seconds(by))
        }
        Trouble::Skewed(by) => format!("机器时钟比数据库快 {} 秒", seconds(by)),
    }
}

/// What somebody wrote, or what was recorded in words: told as it is.
fn quoted(said: &str) -> String {
    format!("「{said}」")
}

const fn status(status: Status) -> &'static str {
    match status {
        Status::Open => "进行中",
        Status::Paused => "已暂停",
        Status::Legal => "法务阶段",
        Status::Closed => "已结案",
    }
}

const fn close_reason(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::Paid => "已还清",
        CloseReason::Settled => "协商结清",
        CloseReason::Cured => "逾期已消除",
        CloseReason::WrittenOff => "已核销",
        CloseReason::Withdrawn => "出借人撤回",
        CloseReason::Deceased => "借款人去世",
    }
}

const fn pause_reason(reason: PauseReason) -> &'static str {
    match reason {
        PauseReason::Hold => "人工搁置",
        PauseReason::Promise => "承诺还款",
        PauseReason::Plan => "还款计划",
        PauseReason::Hardship => "还款困难",
        PauseReason::Dispute => "债务争议",
        PauseReason::Complaint => "投诉",
    }
}

const fn class(class: ContactClass) -> &'static str {
    match class {
        ContactClass::Sms => "短信联系",
        ContactClass::Phone => "电话联系",
        ContactClass::Email => "电子邮件联系",
        ContactClass::Visit => "上门走访",
        ContactClass::Legal => "法务移送",
    }
}

const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Delivered => "已送达",
        Outcome::Undelivered => "未送达",
        Outcome::NoAnswer => "无人接听",
        Outcome::Busy => "占线",
        Outcome::Declined => "拒接",
        Outcome::NotInService => "号码停用",
        Outcome::InvalidAddress => "地址无效",
        Outcome::Voicemail => "语音信箱",
        Outcome::UnableToLeaveMessage => "无法留言",
        Outcome::AnsweredUnconfirmed => "接听但身份未确认",
        Outcome::Conversation => "已通话",
        Outcome::ThirdPartyAnswered => "他人接听",
        Outcome::WrongNumber => "号码有误",
        Outcome::InboundNoDiscussion => "来电但未谈及债务",
        Outcome::Visited => "已走访",
        Outcome::NobodyContacted => "走访未遇",
        Outcome::Filed => "已立案",
        Outcome::Cancelled => "已取消",
        Outcome::Unknown => "结果不明",
    }
}

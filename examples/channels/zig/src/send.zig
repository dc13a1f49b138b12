//! One contact, from its check to its end.

const std = @import("std");

const c = @import("c.zig").c;
const Host = @import("host.zig");
const http = @import("http.zig");
const Settings = @import("settings.zig");
const wire = @import("wire.zig");

const parts_max = 10;

/// What all calls of an instance share, and none changes.
pub const Account = struct {
    host: Host,
    settings: Settings,
    endpoint: http.Endpoint,
};

/// What the host is told. Its place has a fixed size: where memory is short, an end must still come.
pub const End = struct {
    status: i32,
    message: wire.Message(1024) = .{},

    fn failed(status: i32, comptime format: []const u8, what: anytype) End {
        return failedAfter(status, 0, format, what);
    }

    fn failedAfter(status: i32, retry_after_ms: u64, comptime format: []const u8, what: anytype) End {
        var place: [900]u8 = undefined;
        var stream = std.io.fixedBufferStream(&place);
        stream.writer().print(format, what) catch {}; // what does not fit is left out
        var text = stream.getWritten();
        while (!std.unicode.utf8ValidateSlice(text)) text.len -= 1;
        var end = End{ .status = status };
        end.message.text(1, text); // Failure.message
        end.message.number(2, retry_after_ms);
        return end;
    }
};

/// One call.
pub const Call = struct {
    account: *const Account,
    id: u64,
    not_after_unix_ms: i64, // 0: no limit
    deadline: http.Deadline,
    request: wire.SendRequest,
    begun: bool = false,

    pub fn attempt(call: *Call) End {
        return call.exchange() catch |err| if (call.begun)
            .failed(c.RECOUP_E_UNKNOWN, "the gateway may have taken it: {s}", .{why(err)})
        else
            .failed(c.RECOUP_E_RETRYABLE, "not sent: {s}", .{why(err)});
    }

    fn exchange(call: *Call) !End {
        const account = call.account;
        try call.checkNotAfter(); // first, since it costs no connection
        const message = switch (checked(&call.request)) {
            .message => |message| message,
            .refused => |what| return .failed(c.RECOUP_E_PERMANENT, "not sent: {s}", .{what}),
        };
        var secret = Host.Secret{};
        defer secret.wipe();
        if (!account.host.secret(account.settings.password_secret, &secret))
            return .failed(c.RECOUP_E_AUTH, "not sent: the secret `{s}` is not given any more", .{
                account.settings.password_secret,
            });
        var place: [16 * 1024]u8 = undefined;
        defer std.crypto.secureZero(u8, &place); // the password stands in it
        const request = write(&place, account, message, secret.text()) catch
            return .failed(c.RECOUP_E_PERMANENT, "not sent: the request is too long", .{});
        var answer_place: [64 * 1024]u8 = undefined;
        const answer = try http.exchange(&account.endpoint, request, call.deadline, call, &answer_place);
        return judge(answer, partsOf(message.body));
    }

    fn checkNotAfter(call: *const Call) !void {
        if (call.not_after_unix_ms != 0 and call.account.host.wallUnixMs() >= call.not_after_unix_ms)
            return error.PastNotAfter;
    }

    /// The last thing before the first byte. The order matters: once the host knows that it began, a
    /// failure counts as a contact made.
    pub fn begin(call: *Call) !void {
        try call.checkNotAfter();
        _ = try call.deadline.left();
        if (!call.account.host.began(call.id)) return error.CoreRefused;
        call.begun = true;
    }
};

fn why(err: anyerror) []const u8 {
    return switch (err) {
        error.PastNotAfter => "it is past this contact's not_after",
        error.TimeOver, error.WouldBlock => "the call's time is over",
        error.CoreRefused => "the core refused it",
        error.CutOff => "the connection ended before the answer was whole",
        error.NoAnswer => "what came back is no answer of HTTP/1.1",
        else => @errorName(err),
    };
}

// ---------------------------------------------------------------- what may be sent

const Checked = union(enum) {
    message: Message,
    /// Why this channel cannot send it. Nothing in it may repeat the text or the number.
    refused: []const u8,
};

const Message = struct {
    to: []const u8,
    body: []const u8,
    idempotency_key: []const u8,
};

fn checked(request: *const wire.SendRequest) Checked {
    const to = request.e164 orelse return .{ .refused = "a text message goes to a phone number" };
    if (!isE164(to)) return .{ .refused = "the number is not in E.164, `+` and 7 to 15 digits" };
    const content = request.content orelse return .{ .refused = "the request has no content" };
    if (content.template_id.len > 0) return .{ .refused = "this gateway knows no templates" };
    if (content.has_attachments) return .{ .refused = "a text message carries no attachments" };
    if (content.body.len == 0) return .{ .refused = "the text is empty" };
    if (partsOf(content.body) > parts_max) return .{ .refused = "the text has more than 10 parts" };
    return .{ .message = .{ .to = to, .body = content.body, .idempotency_key = request.idempotency_key } };
}

fn isE164(number: []const u8) bool {
    if (number.len < 8 or number.len > 16 or number[0] != '+') return false;
    for (number[1..]) |digit| if (!std.ascii.isDigit(digit)) return false;
    return true;
}

/// True where each character is one of GSM-7's and takes one place there. The others of GSM-7 go as
/// UCS-2, too, which is never wrong and sometimes dearer.
fn isGsm7(text: []const u8) bool {
    for (text) |byte| switch (byte) {
        '\n', '\r' => {},
        '[', '\\', ']', '^', '`', '{', '|', '}', '~' => return false,
        else => if (!std.ascii.isPrint(byte)) return false,
    };
    return true;
}

/// How many parts the gateway makes of it. No character is cut in two.
fn partsOf(text: []const u8) u64 {
    const whole: usize, const part: usize = if (isGsm7(text)) .{ 160, 153 } else .{ 70, 67 };
    var all: usize = 0;
    var room = part;
    var parts: u64 = 1;
    for (text) |byte| {
        if (byte & 0xc0 == 0x80) continue; // not the first byte of a character
        const units: usize = if (byte >= 0xf0) 2 else 1; // of UTF-16
        all += units;
        if (units > room) {
            parts += 1;
            room = part;
        }
        room -= units;
    }
    return if (all <= whole) 1 else parts;
}

fn write(place: []u8, account: *const Account, message: Message, password: []const u8) ![]const u8 {
    var stream = std.io.fixedBufferStream(place);
    const writer = stream.writer();
    try writer.print("GET {s}", .{account.endpoint.path});
    const pairs = [_]struct { []const u8, []const u8 }{
        .{ "?username=", account.settings.username },
        .{ "&password=", password },
        .{ "&from=", account.settings.from },
        .{ "&to=", message.to },
        .{ "&coding=", if (isGsm7(message.body)) "0" else "2" },
        .{ "&charset=", "UTF-8" },
        .{ "&text=", message.body },
        // The contact's key: by it the carrier, and whoever asks it later, finds the contact.
        .{ "&binfo=", message.idempotency_key },
    };
    for (pairs) |pair| {
        try writer.writeAll(pair[0]);
        try std.Uri.Component.percentEncode(writer, pair[1], isUnreserved);
    }
    try writer.print(" HTTP/1.1\r\nHost: {s}\r\n", .{account.endpoint.authority});
    try writer.writeAll("Accept: text/plain\r\nConnection: close\r\n\r\n");
    return stream.getWritten();
}

fn isUnreserved(byte: u8) bool {
    return std.ascii.isAlphanumeric(byte) or std.mem.indexOfScalar(u8, "-._~", byte) != null;
}

// ---------------------------------------------------------------- what an answer proves

/// Only what the gateway documents is a proof. A 5xx or a proxy's page may come after the text was
/// taken, so anything else is UNKNOWN.
fn judge(answer: http.Answer, parts: u64) End {
    var place: [200]u8 = undefined;
    const text = shortened(&place, answer.body);
    return switch (answer.status) {
        202 => taken(text, parts),
        400 => .failed(refused(text), "the gateway refuses the text or its receiver: {s}", .{text}),
        403 => .failed(
            c.RECOUP_E_AUTH,
            "the gateway does not accept `username` and the password: {s}",
            .{text},
        ),
        404 => .failed(
            c.RECOUP_E_PERMANENT,
            "the gateway has no such service; check the path of `endpoint`: {s}",
            .{text},
        ),
        429 => .failedAfter(
            c.RECOUP_E_RATE_LIMITED,
            answer.retry_after_s * 1000,
            "the gateway refuses for now: {s}",
            .{text},
        ),
        else => .failed(
            c.RECOUP_E_UNKNOWN,
            "the gateway answered {}, and may have taken it: {s}",
            .{ answer.status, text },
        ),
    };
}

/// `0: Accepted for delivery`, `3: Queued for later delivery`; newer gateways put `: <id>` behind.
fn taken(text: []const u8, parts: u64) End {
    var words = std.mem.splitScalar(u8, text, ':');
    const code = std.mem.trim(u8, words.first(), " ");
    const is_known = std.mem.eql(u8, code, "0") or std.mem.eql(u8, code, "3");
    if (!is_known or words.next() == null)
        return .failed(
            c.RECOUP_E_UNKNOWN,
            "the gateway answered 202 with a text that is not its own: {s}",
            .{text},
        );
    var end = End{ .status = c.RECOUP_OK };
    end.message.text(1, std.mem.trim(u8, words.rest(), " ")); // Receipt.provider_ref
    end.message.number(5, parts);
    return end;
}

/// The gateway's own lists are the person's or the operator's will; all else is our mistake.
fn refused(text: []const u8) i32 {
    const lists = [_][]const u8{ "not allowed", "black-list", "blacklist", "white-list", "do not contact" };
    for (lists) |words|
        if (std.ascii.indexOfIgnoreCase(text, words) != null) return c.RECOUP_E_REJECTED;
    return c.RECOUP_E_PERMANENT;
}

/// Enough of an answer to recognise it by. A message must be UTF-8, and this may be anything.
fn shortened(place: []u8, body: []const u8) []const u8 {
    var len: usize = 0;
    for (body) |byte| {
        if (len == place.len) break;
        if (byte < 0x20 or byte == 0x7f) continue;
        place[len] = if (byte < 0x80) byte else '?';
        len += 1;
    }
    return std.mem.trim(u8, place[0..len], " ");
}

test "a text is cut as the gateway cuts it" {
    const expect = std.testing.expectEqual;
    try expect(1, partsOf("a" ** 160));
    try expect(2, partsOf("a" ** 161));
    try expect(1, partsOf("还" ** 70));
    try expect(2, partsOf("还" ** 71));
    // 67 units hold 33 pairs; the 34th is not cut in two.
    try expect(3, partsOf("😀" ** 67));
}

test "an answer proves what the gateway documents, and nothing else" {
    const table = [_]struct { u16, []const u8, i32 }{
        .{ 202, "0: Accepted for delivery", c.RECOUP_OK },
        .{ 202, "3: Queued for later delivery: 17", c.RECOUP_OK },
        .{ 202, "<html>", c.RECOUP_E_UNKNOWN },
        .{ 200, "0: Accepted for delivery", c.RECOUP_E_UNKNOWN },
        .{ 400, "Number black-listed", c.RECOUP_E_REJECTED },
        .{ 400, "no such coding", c.RECOUP_E_PERMANENT },
        .{ 403, "", c.RECOUP_E_AUTH },
        .{ 429, "", c.RECOUP_E_RATE_LIMITED },
        .{ 503, "", c.RECOUP_E_UNKNOWN },
    };
    for (table) |row| {
        const end = judge(.{ .status = row[0], .body = row[1] }, 1);
        try std.testing.expectEqual(row[2], end.status);
    }
}

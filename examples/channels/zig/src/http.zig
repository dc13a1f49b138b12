//! One HTTP/1.1 request over a connection of its own: no TLS, no redirects, nothing repeated.

const std = @import("std");
const posix = std.posix;

/// A moment of the monotonic clock: it is never stepped, as a wait wants it.
pub const Deadline = struct {
    timer: ?std.time.Timer,
    timeout_ns: u64,

    pub fn in(timeout_ms: u32) Deadline {
        // A system without such a clock has no time to wait.
        return .{ .timer = std.time.Timer.start() catch null, .timeout_ns = @as(u64, timeout_ms) * std.time.ns_per_ms };
    }

    pub fn left(deadline: Deadline) error{TimeOver}!posix.timeval {
        var timer = deadline.timer orelse return error.TimeOver;
        const left_us = (deadline.timeout_ns -| timer.read()) / std.time.ns_per_us;
        if (left_us == 0) return error.TimeOver;
        return .{ .sec = @intCast(left_us / std.time.us_per_s), .usec = @intCast(left_us % std.time.us_per_s) };
    }
};

/// Where the gateway is. Its texts lie in the settings.
pub const Endpoint = struct {
    host: []const u8,
    port: u16,
    /// Host and port as the `Host` header wants them.
    authority: []const u8,
    path: []const u8,

    const Wrong = error{ NoUrl, Tls, BadHost, BadPort, BadPath };

    pub fn read(url: []const u8) Wrong!Endpoint {
        const uri = std.Uri.parse(url) catch return error.NoUrl;
        if (std.ascii.eqlIgnoreCase(uri.scheme, "https")) return error.Tls;
        if (!std.ascii.eqlIgnoreCase(uri.scheme, "http")) return error.NoUrl;
        const after = url[uri.scheme.len..];
        if (!std.mem.startsWith(u8, after, "://")) return error.NoUrl;
        const rest = after["://".len..];
        const end = std.mem.indexOfAny(u8, rest, "/?#") orelse rest.len;
        const host = (uri.host orelse return error.BadHost).percent_encoded;
        const name = std.mem.trim(u8, host, "[]");
        // Every byte is checked: what stands in a request's head must not be able to end a line there.
        if (uri.user != null or name.len == 0 or !allIn(name, "-._:")) return error.BadHost;
        if (uri.port == 0) return error.BadPort;
        if (uri.query != null or uri.fragment != null or !allIn(rest[end..], "/-._~%!$&'()*+,;=:@"))
            return error.BadPath;
        return .{
            .host = name,
            .port = uri.port orelse 80,
            .authority = rest[0..end],
            .path = if (end == rest.len) "/" else rest[end..],
        };
    }

    pub fn wrong(err: Wrong) []const u8 {
        return switch (err) {
            error.NoUrl => "it must look like http://host:port/cgi-bin/sendsms",
            error.Tls => "this channel has no TLS; let a TLS proxy beside it (stunnel, for example) hold the " ++
                "connection, and name that by http://",
            error.BadHost => "its host must be a name or an address, and nothing before it",
            error.BadPort => "its port is not within 1 to 65535",
            error.BadPath => "its path must be without a query, and escaped",
        };
    }
};

fn allIn(text: []const u8, signs: []const u8) bool {
    for (text) |byte| {
        if (!std.ascii.isAlphanumeric(byte) and std.mem.indexOfScalar(u8, signs, byte) == null) return false;
    }
    return true;
}

pub const Answer = struct {
    status: u16,
    /// 0: the gateway does not say.
    retry_after_s: u64 = 0,
    body: []const u8,
};

/// Connects, calls `gate.begin()` right before the first byte, sends, and reads the answer, all before
/// the deadline. Whether a byte may have left is for the gate to remember: until `begin` returned
/// without an error, none has.
pub fn exchange(endpoint: *const Endpoint, request: []const u8, deadline: Deadline, gate: anytype, place: []u8) !Answer {
    const socket = try connect(endpoint, deadline);
    defer posix.close(socket);
    try gate.begin();
    var sent: usize = 0;
    while (sent < request.len) {
        try waitUntil(socket, posix.SO.SNDTIMEO, deadline);
        sent += try posix.send(socket, request[sent..], posix.MSG.NOSIGNAL);
    }
    var len: usize = 0;
    while (len < place.len) {
        try waitUntil(socket, posix.SO.RCVTIMEO, deadline);
        const got = try posix.recv(socket, place[len..], 0);
        len += got;
        if (try read(place[0..len], got == 0)) |answer| return answer;
    }
    return error.NoAnswer; // it is too long for one
}

/// The system's resolver has a time of its own, some seconds.
fn connect(endpoint: *const Endpoint, deadline: Deadline) !posix.socket_t {
    const list = try std.net.getAddressList(std.heap.c_allocator, endpoint.host, endpoint.port);
    defer list.deinit();
    for (list.addrs, 1..) |address, tried| {
        return connectTo(address, deadline) catch |err| {
            if (tried == list.addrs.len) return err;
            continue;
        };
    }
    return error.UnknownHostName;
}

fn connectTo(address: std.net.Address, deadline: Deadline) !posix.socket_t {
    const kind = posix.SOCK.STREAM | posix.SOCK.CLOEXEC;
    const socket = try posix.socket(address.any.family, kind, posix.IPPROTO.TCP);
    errdefer posix.close(socket);
    try waitUntil(socket, posix.SO.SNDTIMEO, deadline); // it bounds the connection's making, too
    try posix.connect(socket, &address.any, address.getOsSockLen());
    return socket;
}

fn waitUntil(socket: posix.socket_t, which: u32, deadline: Deadline) !void {
    const left = try deadline.left();
    try posix.setsockopt(socket, posix.SOL.SOCKET, which, std.mem.asBytes(&left));
}

/// Looks at what has come so far; nothing where that is not all. A connection that ended early is an
/// error, and never a short body: half an answer could be read as another one.
fn read(bytes: []u8, ended: bool) error{ CutOff, NoAnswer }!?Answer {
    const more: ?Answer = null;
    const head_end = std.mem.indexOf(u8, bytes, "\r\n\r\n") orelse return if (ended) error.CutOff else more;
    var lines = std.mem.splitSequence(u8, bytes[0..head_end], "\r\n");
    var answer = Answer{ .status = try statusOf(lines.first()), .body = bytes[head_end + 4 ..] };
    var length: ?usize = null;
    var is_chunked = false;
    while (lines.next()) |line| {
        const colon = std.mem.indexOfScalar(u8, line, ':') orelse return error.NoAnswer;
        const name, const value = .{ line[0..colon], std.mem.trim(u8, line[colon + 1 ..], " \t") };
        if (std.ascii.eqlIgnoreCase(name, "content-length")) {
            const found = try numberOf(value, 10);
            if (length != null and length != found) return error.NoAnswer;
            length = found;
        } else if (std.ascii.eqlIgnoreCase(name, "transfer-encoding")) {
            if (!std.ascii.eqlIgnoreCase(value, "chunked")) return error.NoAnswer;
            is_chunked = true;
        } else if (std.ascii.eqlIgnoreCase(name, "retry-after")) {
            answer.retry_after_s = numberOf(value, 10) catch 0; // else it is a date
        }
    }
    if (is_chunked) {
        answer.body = try joined(bytes[head_end + 4 ..]) orelse return if (ended) error.CutOff else more;
        return answer;
    }
    // Without a length its end is the connection's end.
    const whole = length orelse return if (ended) answer else more;
    if (answer.body.len < whole) return if (ended) error.CutOff else more;
    answer.body = answer.body[0..whole];
    return answer;
}

fn statusOf(line: []const u8) error{NoAnswer}!u16 {
    var words = std.mem.splitScalar(u8, line, ' ');
    if (!std.mem.startsWith(u8, words.first(), "HTTP/1.")) return error.NoAnswer;
    const code = words.next() orelse return error.NoAnswer;
    if (code.len != 3) return error.NoAnswer;
    return @intCast(try numberOf(code, 10));
}

/// Digits and nothing else, at most nine of them: no length or wait of ours is larger.
fn numberOf(text: []const u8, base: u8) error{NoAnswer}!usize {
    if (text.len == 0 or text.len > 9) return error.NoAnswer;
    var value: usize = 0;
    for (text) |byte| {
        const digit = std.fmt.charToDigit(byte, base) catch return error.NoAnswer;
        value = value * base + digit;
    }
    return value;
}

/// A body in chunks. Only once all of it is there is it put together, in place.
fn joined(body: []u8) error{NoAnswer}!?[]const u8 {
    var copied: usize = 0;
    for ([_]bool{ false, true }) |copies| {
        var at: usize = 0;
        while (true) {
            const end = std.mem.indexOfPos(u8, body, at, "\r\n") orelse return null;
            const digits = std.mem.indexOfAny(u8, body[at..end], "; \t") orelse end - at;
            const size = try numberOf(body[at..][0..digits], 16);
            at = end + 2;
            if (size == 0) break;
            if (body.len - at < size + 2) return null;
            if (!std.mem.eql(u8, body[at + size ..][0..2], "\r\n")) return error.NoAnswer;
            if (copies) {
                std.mem.copyForwards(u8, body[copied..], body[at..][0..size]);
                copied += size;
            }
            at += size + 2;
        }
        while (true) { // trailers, until an empty line
            const end = std.mem.indexOfPos(u8, body, at, "\r\n") orelse return null;
            if (end == at) break;
            at = end + 2;
        }
    }
    return body[0..copied];
}

test "an answer is whole or none" {
    const Case = struct { text: []const u8, body: []const u8 };
    for ([_]Case{
        .{ .text = "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n0:", .body = "0:" },
        .{ .text = "HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n1;x\r\n0\r\n1\r\n:\r\n0\r\na: b\r\n\r\n", .body = "0:" },
    }) |case| {
        var place: [128]u8 = undefined;
        for (0..case.text.len) |len| {
            @memcpy(place[0..len], case.text[0..len]);
            try std.testing.expectEqual(null, try read(place[0..len], false));
            @memcpy(place[0..len], case.text[0..len]);
            try std.testing.expectError(error.CutOff, read(place[0..len], true));
        }
        @memcpy(place[0..case.text.len], case.text);
        const answer = try read(place[0..case.text.len], false);
        try std.testing.expectEqualStrings(case.body, answer.?.body);
    }
}

test "an endpoint is a URL without more" {
    const good = try Endpoint.read("http://gateway.example:13013/cgi-bin/sendsms");
    try std.testing.expectEqualStrings("gateway.example:13013", good.authority);
    try std.testing.expectEqual(13013, good.port);
    try std.testing.expectEqualStrings("::1", (try Endpoint.read("http://[::1]")).host);
    for ([_][]const u8{
        "gateway", "ftp://g/x", "https://g/x", "http:///x", "http://u@g/x", "http://g:0/x", "http://g/x?a=b", "http://g/a\r\nb",
    }) |url| {
        if (Endpoint.read(url)) |_| return error.Taken else |_| {}
    }
}

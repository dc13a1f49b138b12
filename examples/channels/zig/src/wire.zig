//! As much of recoup's channel.proto as this channel needs.

const std = @import("std");

/// A message of at most so many bytes, written field by field. What is empty or 0 is left out, as
/// proto3 has it. Whoever writes sees to it that it fits.
pub fn Message(comptime size: usize) type {
    return struct {
        place: [size]u8 = undefined,
        len: usize = 0,
        const Self = @This();

        pub fn bytes(self: *const Self) []const u8 {
            return self.place[0..self.len];
        }

        fn varint(self: *Self, value: u64) void {
            var rest = value;
            while (rest > 0x7f) : (rest >>= 7) self.byte(@as(u8, @truncate(rest)) | 0x80);
            self.byte(@intCast(rest));
        }

        fn byte(self: *Self, value: u8) void {
            self.place[self.len] = value;
            self.len += 1;
        }

        pub fn number(self: *Self, field: u32, value: u64) void {
            if (value == 0) return;
            self.varint(@as(u64, field) << 3);
            self.varint(value);
        }

        pub fn text(self: *Self, field: u32, value: []const u8) void {
            if (value.len == 0) return;
            self.varint(@as(u64, field) << 3 | 2);
            self.varint(value.len);
            @memcpy(self.place[self.len..][0..value.len], value);
            self.len += value.len;
        }
    };
}

const Malformed = error{Malformed};

/// What this channel looks at in a SendRequest. The texts lie in the request's bytes.
pub const SendRequest = struct {
    idempotency_key: []const u8 = "",
    /// The number, where it goes to a phone.
    e164: ?[]const u8 = null,
    content: ?Content = null,

    pub fn read(bytes: []const u8) Malformed!SendRequest {
        var request = SendRequest{};
        var reader = Reader{ .rest = bytes };
        while (try reader.field()) |field| switch (field.number) {
            2 => request.idempotency_key = try field.text(),
            4 => try request.readDestination(try field.message()),
            5 => try request.readContent(.debtor, try field.message()),
            6 => try request.readContent(.third_party, try field.message()),
            else => {}, // unknown fields are passed over, as the ABI wants it
        };
        return request;
    }

    fn readDestination(request: *SendRequest, bytes: []const u8) Malformed!void {
        var reader = Reader{ .rest = bytes };
        while (try reader.field()) |field| switch (field.number) {
            1 => request.e164 = try field.text(),
            2, 3, 4 => request.e164 = null,
            else => {},
        };
    }

    // Of contents that come twice the last one counts, and one that comes in two parts is one.
    fn readContent(request: *SendRequest, whose: Content.Whose, bytes: []const u8) Malformed!void {
        var content = request.content orelse Content{ .whose = whose };
        if (content.whose != whose) content = .{ .whose = whose };
        var reader = Reader{ .rest = bytes };
        while (try reader.field()) |field| switch (field.number) {
            2 => content.body = try field.text(),
            3 => if (whose == .debtor) {
                content.template_id = try field.text();
            },
            6 => content.has_attachments = content.has_attachments or whose == .debtor,
            else => {},
        };
        request.content = content;
    }
};

pub const Content = struct {
    const Whose = enum { debtor, third_party };

    whose: Whose,
    body: []const u8 = "",
    template_id: []const u8 = "",
    has_attachments: bool = false,
};

const Field = struct {
    number: u64,
    /// Of texts, bytes and messages.
    inside: ?[]const u8,

    fn message(field: Field) Malformed![]const u8 {
        return field.inside orelse error.Malformed;
    }

    fn text(field: Field) Malformed![]const u8 {
        const inside = try field.message();
        return if (std.unicode.utf8ValidateSlice(inside)) inside else error.Malformed;
    }
};

/// The rest of a message. Each read takes from the front and never looks behind the end.
const Reader = struct {
    rest: []const u8,

    fn field(self: *Reader) Malformed!?Field {
        if (self.rest.len == 0) return null;
        const key = try self.varint();
        if (key > std.math.maxInt(u32) or key >> 3 == 0) return error.Malformed;
        var inside: ?[]const u8 = null;
        switch (key & 7) {
            0 => _ = try self.varint(),
            1 => _ = try self.take(8),
            2 => inside = try self.take(try self.varint()),
            5 => _ = try self.take(4),
            // Groups, which proto3 does not have, and what is no type at all.
            else => return error.Malformed,
        }
        return .{ .number = key >> 3, .inside = inside };
    }

    fn varint(self: *Reader) Malformed!u64 {
        var stream = std.io.fixedBufferStream(self.rest);
        const value = std.leb.readUleb128(u64, stream.reader()) catch return error.Malformed;
        if (stream.pos > 10) return error.Malformed;
        self.rest = self.rest[stream.pos..];
        return value;
    }

    fn take(self: *Reader, size: u64) Malformed![]const u8 {
        if (size > self.rest.len) return error.Malformed;
        const len: usize = @intCast(size);
        defer self.rest = self.rest[len..];
        return self.rest[0..len];
    }
};

test "what is no message is told, wherever it ends" {
    var content = Message(64){};
    content.text(2, "hello");
    var whole = Message(64){};
    whole.text(2, "key");
    whole.text(5, content.bytes());
    whole.text(99, "from a later minor");
    const request = try SendRequest.read(whole.bytes());
    try std.testing.expectEqualStrings("hello", request.content.?.body);
    for (0..whole.len) |len| _ = SendRequest.read(whole.place[0..len]) catch {};
    try std.testing.expectError(error.Malformed, SendRequest.read("\x12\x05abc"));
    try std.testing.expectError(error.Malformed, SendRequest.read(&[_]u8{0xff} ** 11));
}

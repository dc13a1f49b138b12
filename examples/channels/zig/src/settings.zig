//! What the operator writes for this channel.

const std = @import("std");
const Settings = @This();

/// URL of sendsms without a query.
endpoint: []const u8,
username: []const u8,
from: []const u8,
/// The secret's name; its value comes from the host with each send.
password_secret: []const u8,

pub const shape = "a JSON object with `endpoint`, `username`, `from` and `password_secret`, four texts that are not empty";

/// The host holds settings against this before it makes an instance.
pub const schema =
    \\{
    \\  "$schema": "https://json-schema.org/draft/2020-12/schema",
    \\  "title": "{{name}}: text messages over an HTTP gateway",
    \\  "type": "object",
    \\  "additionalProperties": false,
    \\  "required": ["endpoint", "username", "from", "password_secret"],
    \\  "properties": {
    \\    "endpoint": {
    \\      "type": "string",
    \\      "minLength": 1,
    \\      "description": "URL of sendsms without a query, http://host:port/cgi-bin/sendsms"
    \\    },
    \\    "username": { "type": "string", "minLength": 1, "description": "The account's name at the gateway" },
    \\    "from": { "type": "string", "minLength": 1, "description": "The sender that people see" },
    \\    "password_secret": {
    \\      "type": "string",
    \\      "minLength": 1,
    \\      "format": "recoup-secret",
    \\      "description": "Name of the secret that is the account's password"
    \\    }
    \\  }
    \\}
;

/// Unknown, missing and doubled keys are errors. The texts live as long as what it returns.
pub fn read(allocator: std.mem.Allocator, json: []const u8) !std.json.Parsed(Settings) {
    const parsed = try std.json.parseFromSlice(Settings, allocator, json, .{ .allocate = .alloc_always });
    errdefer parsed.deinit();
    inline for (std.meta.fields(Settings)) |field| {
        if (@field(parsed.value, field.name).len == 0) return error.EmptyText;
    }
    return parsed;
}

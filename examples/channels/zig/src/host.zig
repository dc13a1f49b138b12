//! The host's services, as this channel uses them.

const std = @import("std");

const abi = @import("c.zig");
const c = abi.c;
const Host = @This();

table: *const c.recoup_host_v1,

pub fn complete(host: Host, call_id: u64, status: i32, message: []const u8) void {
    // What it answers is of no use: the call is over in any case.
    _ = host.table.complete.?(host.table.ctx, call_id, status, abi.bytesOf(message));
}

/// The first byte is about to leave; false: it must not.
pub fn began(host: Host, call_id: u64) bool {
    return host.table.began.?(host.table.ctx, call_id) >= 0;
}

/// Wall time comes from the host alone, and never from the system: it may be stepped.
pub fn wallUnixMs(host: Host) i64 {
    var now_unix_ms: i64 = std.math.maxInt(i64);
    host.table.now.?(host.table.ctx, &now_unix_ms, null);
    return now_unix_ms;
}

/// A secret is not kept: it may be changed while the channel runs.
pub const Secret = struct {
    place: [256]u8 = undefined,
    len: usize = 0,

    pub fn text(self: *const Secret) []const u8 {
        return self.place[0..self.len];
    }

    pub fn wipe(self: *Secret) void {
        std.crypto.secureZero(u8, &self.place);
        self.len = 0;
    }

    fn take(user: ?*anyopaque, bytes: c.recoup_bytes) callconv(.c) void {
        const self: *Secret = @ptrCast(@alignCast(user.?));
        const given = abi.textOf(bytes);
        if (given.len > self.place.len) return;
        @memcpy(self.place[0..given.len], given);
        self.len = given.len;
    }
};

/// False: there is no such secret, or it is longer than its place.
pub fn secret(host: Host, name: []const u8, into: *Secret) bool {
    const found = host.table.secret.?(host.table.ctx, abi.bytesOf(name), into, Secret.take);
    return found == c.RECOUP_OK and into.len > 0;
}

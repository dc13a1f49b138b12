//! {{name}}: text messages over an HTTP gateway in the shape of Kannel's `sendsms`.
//!
//! Start reading at `attempt` in send.zig, which is one contact from its check to its end, then
//! `judge`: what the gateway's answer proves. One rule stands above all others: a person is never
//! contacted twice for one planned contact. So whatever is not proven unsent is `unknown`.
//!
//! This file is what the host calls. Each call has a thread of its own. There is no lock: what
//! threads share is never written after `create`, except for one mark each.

const std = @import("std");

const abi = @import("c.zig");
const c = abi.c;
const Host = @import("host.zig");
const http = @import("http.zig");
const send = @import("send.zig");
const Settings = @import("settings.zig");
const wire = @import("wire.zig");

const id = "com.example.{{name_}}"; // yours, in reverse domain order; it never changes
const version = "0.1.0";
const in_flight_max = 8;
/// The default would count against the channel's memory limit.
const stack_bytes = 512 * 1024;

const contact_class_sms = 2;
const allocator = std.heap.c_allocator;

/// One account at the gateway.
const Instance = struct {
    account: send.Account,
    settings: std.json.Parsed(Settings),
    slots: [in_flight_max]Slot = [1]Slot{.{}} ** in_flight_max,
};

/// A place for a call, from `start` until its thread is joined.
const Slot = struct {
    call: send.Call = undefined,
    bytes: []const u8 = "",
    /// [main] alone looks at it.
    thread: ?std.Thread = null,
    /// The host may hand over the next call.
    completed: std.atomic.Value(bool) = .init(false),

    fn run(slot: *Slot) void {
        const end = slot.call.attempt();
        const host = slot.call.account.host;
        const call_id = slot.call.id;
        // The mark comes first: the host may hand over the next call as soon as this one is completed.
        slot.completed.store(true, .release);
        host.complete(call_id, end.status, end.message.bytes());
    }

    fn isFree(slot: *const Slot) bool {
        return slot.thread == null or slot.completed.load(.acquire);
    }

    /// A call that is over leaves its thread, which is at its last line or behind it.
    fn clear(slot: *Slot) void {
        const thread = slot.thread orelse return;
        thread.join();
        allocator.free(slot.bytes);
        slot.thread = null;
    }
};

fn instanceOf(instance: ?*anyopaque) *Instance {
    return @ptrCast(@alignCast(instance.?));
}

fn start(
    instance: ?*anyopaque,
    call_id: u64,
    times: [*c]const c.recoup_call_v1,
    request: c.recoup_bytes,
) callconv(.c) i32 {
    const self = instanceOf(instance);
    if (!abi.covers(@as(*const c.recoup_call_v1, times), "not_after_unix_ms") or request.len > c.RECOUP_MESSAGE_BYTES_MAX)
        return c.RECOUP_INVALID;
    const slot = for (&self.slots) |*slot| {
        if (slot.isFree()) break slot;
    } else return c.RECOUP_BUSY;
    slot.clear();
    // The host's bytes are ours only until this function returns.
    slot.bytes = allocator.dupe(u8, abi.textOf(request)) catch return c.RECOUP_BUSY;
    slot.completed.store(false, .release);
    slot.call = .{
        .account = &self.account,
        .id = call_id,
        .not_after_unix_ms = times[0].not_after_unix_ms,
        .deadline = http.Deadline.in(times[0].timeout_ms),
        .request = wire.SendRequest.read(slot.bytes) catch {
            allocator.free(slot.bytes);
            return c.RECOUP_INVALID;
        },
    };
    slot.thread = std.Thread.spawn(.{ .stack_size = stack_bytes }, Slot.run, .{slot}) catch {
        allocator.free(slot.bytes);
        return c.RECOUP_BUSY;
    };
    return c.RECOUP_OK;
}

/// Whether it could send. It asks no gateway: there is no request that certainly reaches nobody.
fn health(
    instance: ?*anyopaque,
    call_id: u64,
    times: [*c]const c.recoup_call_v1,
    request: c.recoup_bytes,
) callconv(.c) i32 {
    _ = times;
    _ = request;
    const account = &instanceOf(instance).account;
    var secret = Host.Secret{};
    defer secret.wipe();
    var message = wire.Message(256){};
    if (account.host.secret(account.settings.password_secret, &secret)) {
        message.number(1, 1); // HEALTH_STATE_OK
    } else {
        message.number(1, 3); // HEALTH_STATE_DOWN
        message.text(2, "the secret that `password_secret` names is not given any more");
    }
    account.host.complete(call_id, c.RECOUP_OK, message.bytes());
    return c.RECOUP_OK;
}

/// What is wrong, for the operator.
const Why = struct {
    place: [512]u8 = undefined,
    text: []const u8 = "out of memory",

    fn say(why: *Why, comptime format: []const u8, what: anytype) error{Refused} {
        // What does not fit is left out.
        var stream = std.io.fixedBufferStream(&why.place);
        stream.writer().print(format, what) catch {};
        why.text = stream.getWritten();
        return error.Refused;
    }
};

fn create(
    services: [*c]const c.recoup_host_v1,
    config_json: c.recoup_bytes,
    made: [*c]?*anyopaque,
    user: ?*anyopaque,
    err: c.recoup_sink,
) callconv(.c) i32 {
    var why = Why{};
    made[0] = setUp(services, abi.textOf(config_json), &why) catch {
        err.?(user, abi.bytesOf(why.text));
        return c.RECOUP_REFUSED;
    };
    return c.RECOUP_OK;
}

fn setUp(services: *const c.recoup_host_v1, config_json: []const u8, why: *Why) !*Instance {
    if (services.abi_major != c.RECOUP_ABI_MAJOR or !abi.covers(services, "now"))
        return why.say("the host speaks ABI {}.{}, and this channel {}.{}", .{
            services.abi_major, services.abi_minor, c.RECOUP_ABI_MAJOR, c.RECOUP_ABI_MINOR,
        });
    const host = Host{ .table = services };
    const settings = Settings.read(allocator, config_json) catch |e| return switch (e) {
        error.OutOfMemory => e,
        else => why.say("the settings are not {s}: {s}", .{ Settings.shape, @errorName(e) }),
    };
    errdefer settings.deinit();
    const endpoint = http.Endpoint.read(settings.value.endpoint) catch |e|
        return why.say("`endpoint`: {s}", .{http.Endpoint.wrong(e)});
    var secret = Host.Secret{};
    defer secret.wipe();
    if (!host.secret(settings.value.password_secret, &secret))
        return why.say("`password_secret` names the secret `{s}`, which this channel is not given, or " ++
            "which is empty or over {} bytes", .{ settings.value.password_secret, secret.place.len });
    const instance = try allocator.create(Instance);
    instance.* = .{
        .account = .{ .host = host, .settings = settings.value, .endpoint = endpoint },
        .settings = settings,
    };
    return instance;
}

/// Waits for the calls in flight, each of which ends with its own time. They are not cut off: a
/// request that is cut leaves a doubt, and one that is waited for has an answer.
fn destroy(instance: ?*anyopaque) callconv(.c) void {
    const self = instanceOf(instance);
    for (&self.slots) |*slot| slot.clear();
    self.settings.deinit();
    allocator.destroy(self);
}

const descriptor = described: {
    @setEvalBranchQuota(100_000);
    var can = wire.Message(64){};
    can.number(8, 1); // began: on every path, see `Call.begin`
    can.number(11, in_flight_max); // max_in_flight
    // A panic of Zig ends the process, which must not be the server's.
    can.number(12, 1); // isolated_only
    var message = wire.Message(4096){};
    message.text(1, id);
    message.text(2, version);
    message.text(3, "{{name}}"); // vendor
    message.text(4, "sms"); // kind
    message.number(5, contact_class_sms);
    message.text(6, can.bytes());
    message.text(7, Settings.schema);
    message.text(9, "config:endpoint"); // egress
    break :described message.bytes()[0..message.len].*;
};

const table: c.recoup_channel_v1 = .{
    .magic = c.RECOUP_MAGIC,
    .struct_size = @sizeOf(c.recoup_channel_v1),
    .abi_major = c.RECOUP_ABI_MAJOR,
    .abi_minor = c.RECOUP_ABI_MINOR,
    .flags = c.RECOUP_FLAG_ISOLATED_ONLY,
    .descriptor = .{ .ptr = &descriptor, .len = descriptor.len },
    .create = create,
    .send = start,
    .health = health,
    .destroy = destroy,
};

export fn recoup_channel_entry_v1(host_minor: u32) *const c.recoup_channel_v1 {
    _ = host_minor; // every host of this major can be served
    return &table;
}

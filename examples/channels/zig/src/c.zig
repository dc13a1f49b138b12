//! The contract, as Zig reads the header.
pub const c = @cImport(@cInclude("recoup_channel.h"));

pub fn bytesOf(text: []const u8) c.recoup_bytes {
    return .{ .ptr = text.ptr, .len = text.len };
}

pub fn textOf(bytes: c.recoup_bytes) []const u8 {
    // The pointer may be NULL where there are none.
    return if (bytes.len == 0) "" else bytes.ptr[0..bytes.len];
}

/// True where the struct is long enough to hold this field: that, and no version, tells what is there.
pub fn covers(table: anytype, comptime field: []const u8) bool {
    const Table = @typeInfo(@TypeOf(table)).pointer.child;
    const end = @offsetOf(Table, field) + @sizeOf(@FieldType(Table, field));
    return table.struct_size >= end;
}

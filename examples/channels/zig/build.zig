// zig build        builds the library: zig-out/lib/lib{{name_}}.so
// zig build test   runs the tests in the sources
// zig build kit    tries it with the conformance kit; -Drecoup=/path/to/recoup where it is not in the PATH
const std = @import("std");

pub fn build(b: *std.Build) void {
    // The server's machine may be older than this one, its processor and its C library both.
    const target = b.standardTargetOptions(.{ .default_target = .{
        .cpu_model = .baseline,
        .abi = .gnu,
        .glibc_version = .{ .major = 2, .minor = 17, .patch = 0 },
    } });
    const Mode = std.builtin.OptimizeMode;
    const optimize = b.option(Mode, "optimize", "ReleaseSafe where nothing is said");
    const module = b.createModule(.{
        .root_source_file = b.path("src/channel.zig"),
        .target = target,
        // What is out of bounds ends the process, and does not go on with something else's bytes.
        .optimize = optimize orelse .ReleaseSafe,
        .link_libc = true,
        .strip = true,
    });
    module.addIncludePath(b.path("."));
    const library = b.addLibrary(.{
        .name = "{{name_}}",
        .linkage = .dynamic,
        .root_module = module,
    });
    library.setVersionScript(b.path("exports.map"));
    b.installArtifact(library);

    const tests = b.addTest(.{ .root_module = module });
    b.step("test", "Run the tests in the sources").dependOn(&b.addRunArtifact(tests).step);

    const recoup = b.option([]const u8, "recoup", "The program recoup") orelse "recoup";
    const token = b.addWriteFiles().add("token.txt", "not-a-real-password");
    const kit = b.addSystemCommand(&.{ recoup, "channel", "test" });
    kit.addArtifactArg(library);
    // The carrier is a recorder on this machine: nothing is sent to anybody.
    kit.addArgs(&.{
        "--settings",
        \\{"endpoint": "http://{recorder}/cgi-bin/sendsms", "username": "recoup", "from": "10690", "password_secret": "token"}
        ,
        "--secret",
    });
    kit.addPrefixedFileArg("token=", token);
    b.step("kit", "Try it with the conformance kit").dependOn(&kit.step);
}

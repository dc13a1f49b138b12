//! Turns `proto/recoup/v1` into Rust and a descriptor set, with protox: no protoc to install.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("proto");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for watched in ["build.rs", "proto/recoup/v1", "proto/google"] {
        println!("cargo:rerun-if-changed={watched}");
    }

    let mut compiler = protox::Compiler::new([&root])?;
    compiler
        .include_source_info(true) // keeps the comments, for rustdoc and reflection
        .include_imports(true) // makes the set complete in itself
        .open_files(proto_files(&root.join("recoup/v1"))?)?;

    // Written by protox and not by way of prost_types, which would drop the method options.
    fs::write(
        out.join("recoup_descriptor.bin"),
        compiler.encode_file_descriptor_set(),
    )?;

    let mut config = tonic_prost_build::Config::new();
    config.enable_type_names(); // by which the codec knows requests
    tonic_prost_build::configure()
        .build_server(true)
        .build_client(true)
        .codec_path("crate::codec::Measured")
        // A method without a handler answers UNIMPLEMENTED; api.rs lists which ones may.
        .generate_default_stubs(true)
        .compile_fds_with_config(compiler.file_descriptor_set(), config)?;
    Ok(())
}

/// The `.proto` files of a folder in the order of their names, so that each build gives the same.
fn proto_files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "proto")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

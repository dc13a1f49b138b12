//! What the tests share: they start the real binary, and talk to it as others do.

pub(crate) mod authority;
pub(crate) mod builds;
pub(crate) mod chance;
pub(crate) mod client;
pub(crate) mod faketime;
pub(crate) mod h2;
pub(crate) mod judge;
pub(crate) mod load;
pub(crate) mod process;
pub(crate) mod sandbox;
pub(crate) mod scenes;
pub(crate) mod server;
pub(crate) mod stepped;

use client::Client;
use process::Folder;
use sandbox::Sandbox;
use server::{Server, Setup};

/// A server on real time with plugins in front of a sandbox.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) sandbox: Sandbox,
    pub(crate) ana: Client,
    // The last: processes end before their folder goes.
    pub(crate) folder: Folder,
}

impl World {
    /// With some plugins, and an active policy.
    pub(crate) async fn live(plugins: &[&str], policy: &str) -> Self {
        let folder = Folder::new();
        let sandbox = Sandbox::live(folder.path(), 42).await;
        let setup = plugins
            .iter()
            .fold(Setup::default(), |setup, name| setup.with(name, &sandbox));
        let server = Server::start(folder.path(), &setup).await;
        let (ana, ben) = (server.ana(), server.ben());
        scenes::set_up(&ana, &ben, policy).await;
        Self {
            server,
            sandbox,
            ana,
            folder,
        }
    }
}

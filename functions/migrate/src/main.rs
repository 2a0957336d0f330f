//! Migrates the database of `DATABASE_URL`, and ends. Two migrations at the same time wait for each other.

use function::host::run_process;
use store::Store;

fn main() -> std::process::ExitCode {
    run_process(false, |settings| async move {
        let url = settings.database_url.ok_or("DATABASE_URL is not set; set it to the database to migrate")?;
        Store::connect_lazy(url.expose(), 1)?.migrate().await?;
        tracing::info!("the database schema is current");
        Ok(())
    })
}

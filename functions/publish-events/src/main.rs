//! publish-events on its own: on AWS Lambda, or on hyper at `$PORT`.

fn main() -> std::process::ExitCode {
    function::host::main(publish_events::function())
}

//! The connection to the sidecar, opened on first use, and the results of calls.

use std::time::Duration;

use dapr::client::{ApiTokenInterceptor, TonicClientWithAuth};
use function::BoxError;
use function::settings::Settings;
use tonic::transport::Endpoint;
use tonic::{Response, Status};

use crate::SidecarError;

/// Time limit of a call. A broker that elects a new leader answers within it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);
/// Time limit of connecting to the sidecar.
const CONNECT: Duration = Duration::from_secs(2);
/// Keep-alive interval of a connection with a call in progress. A pod that is gone does not close connections.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// The sidecar. Clones are cheap and share the connection.
#[derive(Clone)]
pub struct Sidecar {
    client: TonicClientWithAuth,
}

impl Sidecar {
    /// Returns the sidecar of the settings; `None` if there is none. Sends nothing yet. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// The token is not a valid header value.
    pub fn new(settings: &Settings) -> Result<Option<Self>, BoxError> {
        let Some(address) = &settings.dapr_grpc else { return Ok(None) };
        let token = settings.dapr_api_token.as_ref().map(|token| token.expose().to_owned());
        let token = ApiTokenInterceptor::try_new(token).map_err(|_| "DAPR_API_TOKEN: not visible ASCII characters")?;
        let endpoint = Endpoint::from_shared(address.clone()).map_err(|error| format!("DAPR_GRPC_ENDPOINT: {error}"))?;
        let endpoint = endpoint.connect_timeout(CONNECT).http2_keep_alive_interval(KEEP_ALIVE).keep_alive_timeout(KEEP_ALIVE);
        let client = dapr::dapr::proto::runtime::v1::dapr_client::DaprClient::with_interceptor(endpoint.connect_lazy(), token);
        Ok(Some(Self { client }))
    }

    /// Makes one call, within `deadline`.
    pub(crate) async fn within<T>(
        &self,
        deadline: Duration,
        call: impl AsyncFnOnce(TonicClientWithAuth) -> Result<Response<T>, Status>,
    ) -> Result<T, SidecarError> {
        match tokio::time::timeout(deadline, call(self.client.clone())).await {
            Ok(answer) => Ok(answer?.into_inner()),
            Err(_) => Err(SidecarError::Late(deadline)),
        }
    }

    /// Makes one call.
    pub(crate) async fn call<T>(
        &self,
        call: impl AsyncFnOnce(TonicClientWithAuth) -> Result<Response<T>, Status>,
    ) -> Result<T, SidecarError> {
        self.within(DEADLINE, call).await
    }
}

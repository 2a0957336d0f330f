//! The one connection to the sidecar, opened on first use, and how a call over it ends.

use std::time::Duration;

use dapr::client::{ApiTokenInterceptor, TonicClientWithAuth};
use function::BoxError;
use function::settings::Settings;
use tonic::transport::Endpoint;
use tonic::{Response, Status};

use crate::SidecarError;

/// How long a call may take: a broker that leads again answers within it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);
/// How long it may take to reach the sidecar.
const CONNECT: Duration = Duration::from_secs(2);
/// How often a connection with a call under way is asked whether it lives: a pod that is gone closes none.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// The sidecar: cheap to clone, and all clones share the connection.
#[derive(Clone)]
pub struct Sidecar {
    client: TonicClientWithAuth,
}

impl Sidecar {
    /// The sidecar that the settings name; `None` if they name none. Nothing is sent yet. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// A token that no header can carry.
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

#!/usr/bin/env bash
# cloud-init of a node: runs OKE's own start script, then grows the root file system from the image's 47 GB to the whole boot volume.
set -euo pipefail

curl --fail --silent --show-error --retry 10 --header "Authorization: Bearer Oracle" \
  http://169.254.169.254/opc/v2/instance/metadata/oke_init_script | base64 --decode >/var/run/oke-init.sh
bash /var/run/oke-init.sh
# A node works even if its file system cannot grow.
/usr/libexec/oci-growfs -y || echo "the root file system did not grow" >&2

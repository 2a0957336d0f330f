#!/usr/bin/env bash
# cloud-init of a node: OKE's own start, and the root file system grown to all of the boot volume, of which the image uses 47 GB.
set -euo pipefail

curl --fail --silent --show-error --retry 10 --header "Authorization: Bearer Oracle" \
  http://169.254.169.254/opc/v2/instance/metadata/oke_init_script | base64 --decode >/var/run/oke-init.sh
bash /var/run/oke-init.sh
# A node that cannot grow is still a node.
/usr/libexec/oci-growfs -y || echo "the root file system did not grow" >&2

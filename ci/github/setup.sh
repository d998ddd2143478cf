#!/usr/bin/env bash
# Make deployer available to the steps that follow: the version of this action, in an environment of its own outside the
# checkout; or, with INPUT_INSTALLED=true, the deployer that the runner has. Tells where its programs are (`home`).
set -euo pipefail

if [ "${INPUT_INSTALLED:-false}" = true ]; then
  found=$(command -v deployer) || { echo "::error::installed: true, but there is no deployer on the PATH"; exit 1; }
  home=$(dirname "$found")
else
  venv=$RUNNER_TEMP/deployer/venv
  if [ ! -x "$venv/bin/deployer" ]; then
    # The action's own checkout is installed, so what `uses:` pins is what runs.
    cd "$GITHUB_ACTION_PATH"
    mkdir -p "$RUNNER_TEMP/deployer"
    script/venv "$venv" "${INPUT_EXTRAS:-}"
  fi
  home=$venv/bin
fi
echo "home=$home" >>"$GITHUB_OUTPUT"
echo "$home" >>"$GITHUB_PATH"
"$home/deployer" --version

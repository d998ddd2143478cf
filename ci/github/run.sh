#!/usr/bin/env bash
# One mode of the action. Inputs come as INPUT_* variables; at the end this process becomes deployer, so that the signals
# of a cancelled job reach it. What it says for programs goes into $work/result.json, which tell.py reads.
set -euo pipefail

work=$(mktemp -d "$RUNNER_TEMP/deployer.XXXXXX")
echo "work=$work" >>"$GITHUB_OUTPUT"

# refuse EXIT_CODE REFUSAL SENTENCE: end as deployer itself would.
refuse() {
  printf '{"format": "deployer-output", "version": 1, "command": "error", "error": "%s", "exit_code": %d' "$3" "$1" \
    >"$work/result.json"
  if [ -n "$2" ]; then printf ', "refusal": "%s"' "$2" >>"$work/result.json"; fi
  printf '}\n' >>"$work/result.json"
  echo "error: $3" >&2
  exit "$1"
}

words=()
# option NAME TEXT: the option, unless TEXT is empty. One word, so that no text is taken for an option of its own.
option() { if [ -n "$2" ]; then words+=("$1=$2"); fi; }
# flag NAME TRUTH
flag() { if [ "$2" = true ]; then words+=("$1"); fi; }
# each NAME TEXT: the option once for every line of TEXT that has something on it.
each() {
  local entry
  while IFS= read -r entry; do
    entry=${entry#"${entry%%[![:space:]]*}"}
    option "$1" "${entry%"${entry##*[![:space:]]}"}"
  done <<<"$2"
}
environments() {
  if [ -z "${INPUT_ENVIRONMENT//[[:space:]]/}" ]; then refuse 2 "" "mode $mode needs the input environment"; fi
  each "$1" "$(tr -s ' ,\t' '\n' <<<"$INPUT_ENVIRONMENT")"
}

mode=$INPUT_MODE
case $mode in
  validate | plan | apply | promote | drift | rollback | recover) ;;
  *) refuse 2 "" "the input mode is none of setup, validate, plan, apply, promote, drift, rollback, recover" ;;
esac

# Whose code is this? The checkout of a pull request is nobody's who may deploy; one that runs with the rights and
# secrets of the base (pull_request_target, workflow_run) is the classic way to lose them.
event=${GITHUB_EVENT_NAME:-}
if [ "$event" = pull_request_target ] || [[ ${STARTED_BY:-} == pull_request* ]]; then
  refuse 4 branch "this workflow gives a pull request the secrets of the base branch; use the event pull_request"
fi
case $mode in
  apply | promote | rollback | recover)
    case $event in
      pull_request* | issue_comment) refuse 4 branch "mode $mode does not run for $event: nobody has merged what is here" ;;
    esac
    ;;
  *) export DEPLOYER_READONLY=1 ;;
esac
if [ "$mode" != validate ]; then
  if [ -n "${HEAD_REPOSITORY:-}" ] && [ "$HEAD_REPOSITORY" != "$GITHUB_REPOSITORY" ]; then
    # No secret reaches a fork's job, and where a runner gives it one all the same it is not used.
    echo "::notice::The pull request comes from a fork: deployer $mode needs a key, and was left out."
    touch "$work/fork"
    exit 0
  fi
  if [ -z "${DEPLOYER_HOSTS:-}" ]; then
    refuse 4 host "DEPLOYER_HOSTS is not set: take it from a variable of the repository (docs/github.md)"
  fi
fi

# The branch that a pull request goes into, which a checkout of depth 1 does not have.
base_of() {
  if [ -n "${INPUT_BASE:-}" ]; then echo "$INPUT_BASE"; return; fi
  if [ -z "${GITHUB_BASE_REF:-}" ]; then return; fi
  local name=refs/remotes/origin/$GITHUB_BASE_REF
  if ! git rev-parse --verify --quiet "$name^{commit}" >/dev/null; then
    git fetch --quiet --no-tags --depth=1 origin "+refs/heads/$GITHUB_BASE_REF:$name" >&2
  fi
  echo "origin/$GITHUB_BASE_REF"
}

cd "${INPUT_PROJECT:-.}"
words=("$mode")
case $mode in
  validate)
    words+=(--format "github=$work/annotations" --format "text=$work/result.txt"
      --format "sarif=$work/validate.sarif" --format "junit=$work/validate.xml")
    ;;
  plan)
    environments --env
    each --only "${INPUT_ONLY:-}"
    each --allow "${INPUT_ALLOW:-}"
    flag --adopt "${INPUT_ADOPT:-}"
    base=$(base_of)
    option --base "$base"
    option --reason "${INPUT_REASON:-}"
    option --output "${INPUT_PLAN_FILE:-}"
    words+=(--format "markdown=$work/plan.md" --format "text=$work/result.txt" --format "github=$work/annotations")
    ;;
  apply)
    if [ -z "${INPUT_DIGEST:-}" ]; then refuse 2 "" "mode apply needs the input digest: that of the plan that was reviewed"; fi
    environments --env
    option --expect "$INPUT_DIGEST"
    each --allow "${INPUT_ALLOW:-}"
    each --only "${INPUT_ONLY:-}"
    flag --adopt "${INPUT_ADOPT:-}"
    option --reason "${INPUT_REASON:-}"
    option --wait "${INPUT_WAIT:-}"
    words+=(--yes --recover)
    ;;
  promote)
    environments --to
    option --from "${INPUT_FROM:-}"
    each --only "${INPUT_ONLY:-}"
    option --reason "${INPUT_REASON:-}"
    ;;
  drift)
    environments --env
    flag --detailed-exitcode "${INPUT_FAIL_ON_DRIFT:-true}"
    ;;
  rollback)
    if [ -z "${INPUT_REASON:-}" ]; then refuse 2 "" "mode rollback needs the input reason: it stands in the history"; fi
    environments --env
    each --rule "${INPUT_RULES:-}"
    option --to "${INPUT_TO:-}"
    each --allow "${INPUT_ALLOW:-}"
    option --reason "$INPUT_REASON"
    option --wait "${INPUT_WAIT:-}"
    words+=(--yes --recover)
    ;;
  recover)
    environments --env
    flag --resume "${INPUT_RESUME:-}"
    option --reason "${INPUT_REASON:-}"
    words+=(--yes)
    ;;
esac
exec "$DEPLOYER_HOME/deployer" "${words[@]}" --json >"$work/result.json"

# Set-up steps that scripts/demo and scripts/test share; to be sourced from the project's root directory.

say() { printf '%s\n' "tsaufs: $*" >&2; }

# Node 20 or newer is the one thing that must be there.
need_node() {
  if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    say "Node.js 20 or newer with npm is needed; see https://nodejs.org"
    return 1
  fi
  if ! node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)'; then
    say "Node.js 20 or newer is needed; this is $(node --version)"
    return 1
  fi
}

# The npm packages of the lock file, unless they are there already.
install_npm_packages() {
  if [ -f node_modules/.package-lock.json ] && [ ! package-lock.json -nt node_modules/.package-lock.json ]; then
    return 0
  fi
  say "installing npm packages"
  npm ci --no-audit --no-fund --loglevel=error >&2
  touch node_modules/.package-lock.json
}

# The package of the second adapter is optional: npm drops it where its install script can neither load nor build the addon,
# though tsaufs could (native-notes/fuse-native.md). Without its script it stays. 0 in any case.
install_fuse_native() {
  if [ -e node_modules/fuse-native/package.json ]; then return 0; fi
  say "installing fuse-native"
  npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error \
    "fuse-native@$(node -p 'require("./package.json").optionalDependencies["fuse-native"]')" >&2 \
    || say "fuse-native could not be installed; tests of that adapter are skipped"
  return 0
}

# Compiles src/ to dist/, unless dist/ is newer than everything it is made from.
build_if_stale() {
  if [ -x dist/cli/main.js ] && [ -z "$(find src scripts/manual package.json tsconfig*.json -newer dist/cli/main.js -print -quit)" ]; then
    return 0
  fi
  say "building"
  npm run --silent build >&2
  touch dist/cli/main.js
}

# install_debian_packages COMMAND:PACKAGE… installs the packages whose command is missing. Without root or apt it
# says what is missing and goes on: 0 in any case.
install_debian_packages() {
  local missing=() pair
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
  done
  if [ ${#missing[@]} -eq 0 ]; then return 0; fi
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    say "not installed: ${missing[*]}; as root: apt-get install ${missing[*]}"
    return 0
  fi
  say "installing Debian packages: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >&2 </dev/null; then
    say "could not install ${missing[*]}; what needs them is skipped"
  fi
  return 0
}

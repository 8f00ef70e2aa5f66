# Functions that the other scripts share; to be sourced by sh.

# As root, or with sudo where there is one.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null 2>&1; then sudo "$@"; else
    echo "This needs root: $*" >&2
    return 1
  fi
}

# Installs those of the Debian packages that are missing; does nothing where there is no apt.
install_debian() {
  command -v apt-get >/dev/null 2>&1 || return 0
  missing=
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  echo "Installing with apt:$missing"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  # shellcheck disable=SC2086
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

# unpack_debian FOLDER PACKAGE...: for packages that cannot be installed beside others. Root is not needed.
unpack_debian() {
  command -v apt-get >/dev/null 2>&1 || return 0
  folder=$1
  shift
  [ ! -e "$folder/.$1" ] || return 0
  echo "Unpacking: $*"
  rm -rf "$folder"
  mkdir -p "$folder/packages"
  (cd "$folder/packages" && apt-get download -qq "$@" >/dev/null)
  for package in "$folder"/packages/*.deb; do dpkg -x "$package" "$folder"; done
  rm -r "$folder/packages"
  touch "$folder/.$1"
}

# Prints the first interpreter that is new enough.
find_python() {
  for candidate in ${PYTHON:-} python3.13 python3.12 python3.11 python3; do
    if command -v "$candidate" >/dev/null 2>&1 &&
      "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      command -v "$candidate"
      return
    fi
  done
  echo "dlm needs Python 3.11 or newer; name one with PYTHON=/path/to/python3" >&2
  return 1
}

# make_venv PYTHON FOLDER: Debian keeps the means to do so in packages of their own.
make_venv() {
  if [ ! -x "$2/bin/python" ] || ! "$2/bin/python" -m pip --version >/dev/null 2>&1; then
    "$1" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
      install_debian "$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    "$1" -m venv --clear "$2"
  fi
}

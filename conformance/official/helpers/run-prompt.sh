# A command for `siokit-server --app studio --command`: what it does is said by its last argument, a script of the shell.
for prompt in "$@"; do :; done
eval "$prompt"

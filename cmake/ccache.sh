#!/bin/sh
# ccache COMPILER ARGUMENT…, so that what was compiled with a precompiled header is found again for a checkout in another folder. Such a
# header has its folder's path in it: ccache is given a sum of what it was made of to look at instead, and paths that begin here.
export CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_PCH_EXTSUM=1
for argument; do
  shift
  set -- "$@" "${argument#"$PWD"/}"
done
case " $* " in
  *" -emit-pch "*) ;;
  *) exec ccache "$@" ;;
esac
ccache "$@" || exit
for argument; do
  [ "$previous" = -MF ] && dependencies=$argument
  [ "$previous" = -o ] && header=$argument
  previous=$argument
done
{
  sed 's/^[^:]*://; s/\\$//' "$dependencies" | tr -s ' ' '\n' | grep . | xargs cat
  printf '%s\n' "$@"
} | sha256sum >"$header.sum"

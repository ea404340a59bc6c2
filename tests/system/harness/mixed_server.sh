#!/bin/sh
# SLUICE_REDIS_SERVER=…/mixed_server.sh: redis-server and SLUICE_NEWER_SERVER in one test. SLUICE_MIX=replicas: masters are old,
# replicas new, as while a region is upgraded; SLUICE_MIX=regions: every second region is new. Private servers of keepers are new.
newer=${SLUICE_NEWER_SERVER:?the path of a newer redis-server or valkey-server}
case "${SLUICE_MIX:-replicas} $*" in
  replicas*--replicaof*) exec "$newer" "$@" ;;
  regions*\ id=[13579]*) exec redis-server "$@" ;;
  replicas*--loadmodule*) exec redis-server "$@" ;;
esac
exec "$newer" "$@"

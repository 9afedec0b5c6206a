unit(shard LAYER runtime DEPS base loop LIBS PkgConfig::UV Threads::Threads)

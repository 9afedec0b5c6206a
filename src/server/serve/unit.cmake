unit(serve LAYER server
    DEPS base loop net shard schema http ws model text search rules store store_sqlite store_memory http_client auth bot expr flow story flow_host action learn intent examples entity model_file chat routing route desk gateway api assets share config
    LIBS PkgConfig::PROTOBUFC PkgConfig::UV)

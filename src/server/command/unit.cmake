unit(command LAYER server DEPS base schema store store_sqlite auth config api serve text expr rules search entity examples vector intent route route_sim LIBS PkgConfig::PROTOBUFC PkgConfig::YAML)

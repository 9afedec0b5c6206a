unit(action LAYER app DEPS base loop net http http_client schema LIBS PkgConfig::PROTOBUFC)

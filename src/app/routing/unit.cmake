unit(routing LAYER app DEPS base model route schema LIBS PkgConfig::PROTOBUFC)

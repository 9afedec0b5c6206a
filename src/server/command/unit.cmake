unit(command LAYER server DEPS base schema auth config serve text expr rules LIBS PkgConfig::PROTOBUFC)

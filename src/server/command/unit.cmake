unit(command LAYER server DEPS base schema auth config serve LIBS PkgConfig::PROTOBUFC)

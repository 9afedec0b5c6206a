unit(command LAYER server DEPS base schema auth config serve text expr rules entity examples intent LIBS PkgConfig::PROTOBUFC)

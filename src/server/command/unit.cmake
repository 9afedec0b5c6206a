unit(command LAYER server DEPS base schema store store_sqlite auth config serve text expr rules entity examples intent LIBS PkgConfig::PROTOBUFC)

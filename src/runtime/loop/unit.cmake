unit(loop LAYER runtime DEPS base LIBS PkgConfig::UV)

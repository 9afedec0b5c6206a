unit(config LAYER server DEPS base LIBS PkgConfig::YAML)

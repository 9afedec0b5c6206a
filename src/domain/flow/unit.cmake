unit(flow LAYER domain DEPS base text expr LIBS PkgConfig::YAML)

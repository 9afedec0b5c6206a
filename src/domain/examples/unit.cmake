unit(examples LAYER domain DEPS base text LIBS PkgConfig::YAML)

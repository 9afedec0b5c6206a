unit(auth LAYER app DEPS base LIBS PkgConfig::SODIUM)

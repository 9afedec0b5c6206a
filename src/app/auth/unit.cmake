unit(auth LAYER app DEPS base model LIBS PkgConfig::SODIUM)

unit(base LAYER base DEPS LIBS Threads::Threads)

unit(search LAYER domain DEPS base text LIBS m)

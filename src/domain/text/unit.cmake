unit(text LAYER domain DEPS base LIBS PkgConfig::UTF8PROC ${STEMMER_LIBRARY})

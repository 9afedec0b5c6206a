unit(chat_drive LAYER app DEPS base model schema store store_memory bot expr flow chat LIBS PkgConfig::PROTOBUFC)

# capstan_migrations(<room>) embeds src/<room>/migrations/NNNN_name.sql in the room's library. Call it after
# capability(<room>). The room declares, in a header of its own, what the generated file defines:
#
#     namespace capstan::<room> { std::span<const sql::Migration> migrations(); }
#
# A text for one dialect only stands below a line "-- dialect: sqlite" or "-- dialect: postgresql"; below
# "-- dialect: both" it is for both again (platform/sql/migrations.h).
function(capstan_migrations room)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/migrations/*.sql)
  set(generated ${CMAKE_CURRENT_BINARY_DIR}/${room}_migrations.cc)
  add_custom_command(
    OUTPUT ${generated}
    COMMAND ${CMAKE_COMMAND} -D ROOM=${room} -D FOLDER=${CMAKE_CURRENT_SOURCE_DIR}/migrations -D OUT=${generated} -P
            ${PROJECT_SOURCE_DIR}/cmake/embed_migrations.cmake
    DEPENDS ${files} ${PROJECT_SOURCE_DIR}/cmake/embed_migrations.cmake
    COMMENT "Embedding the migrations of ${room}")
  target_sources(capstan_${room} PRIVATE ${generated})
endfunction()

# rondo_add_kernels(TARGET SOURCE): compiles SOURCE once for each x86-64 level, with KERNEL_ISA set
# to v2, v3 or v4, so that one binary serves every machine and `workers.isa` can pin a common one.
function(rondo_add_kernels target source)
  get_filename_component(stem ${source} NAME_WE)
  foreach(level v2 v3 v4)
    set(name ${target}_${stem}_${level})
    add_library(${name} OBJECT ${source})
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
    target_link_libraries(${name} PRIVATE rondo_flags)
    target_compile_definitions(${name} PRIVATE KERNEL_ISA=${level})
    # Multiply-add in one rounding is part of each level's bits; no other freedom is given.
    target_compile_options(${name} PRIVATE -march=x86-64-${level} -ffp-contract=fast -Wno-psabi
                           $<$<NOT:$<CONFIG:Debug>>:-O3>)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${name}>)
  endforeach()
endfunction()

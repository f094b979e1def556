# The Debian package: `cpack --config build/CPackConfig.cmake`. Included by CMakeLists.txt; what is installed stands there.
# Its dependencies are the libraries that the program is linked with. Next: tests/package.sh, which builds and tries it.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME supernet)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "the supernet authors <supernet@example.org>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "one-shot neural architecture search")
set(CPACK_PACKAGE_DESCRIPTION "Trains one network that contains every candidate architecture of a search
space, with one set of shared weights; scores and ranks all of them; retrains
and exports the best as ONNX or safetensors. One program and a YAML file.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS gnuplot-nox)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "dataset-fashion-mnist, graphviz")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
install(FILES ${SN_MANUAL}/changelog.gz DESTINATION share/doc/supernet)
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION share/doc/supernet RENAME copyright)
include(CPack)

/* UCI docword files, plain and compressed; datafile.h says what the first byte chooses. */
#include "tests/fuzz/datafile.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    datafile_try(data, size);
    return 0;
}

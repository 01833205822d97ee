#include "siokit/core/on_failure.hpp"

#include <gtest/gtest.h>

namespace core_on_failure_test {

using siokit::on_failure;

TEST(OnFailure, UndoesWhatIsNotDone) {
  int undone = 0;
  {
    on_failure const step([&]() noexcept { ++undone; });
    EXPECT_EQ(undone, 0);
  }
  EXPECT_EQ(undone, 1);
}

TEST(OnFailure, LeavesWhatIsDone) {
  int undone = 0;
  {
    on_failure step([&]() noexcept { ++undone; });
    step.done();
  }
  EXPECT_EQ(undone, 0);
}

}  // namespace core_on_failure_test
